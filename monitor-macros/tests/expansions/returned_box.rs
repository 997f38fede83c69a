// #[instrument(counter = CALLS, kind = "a")]
// fn call<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
//     Box::pin(async { 3 })
// }

fn call<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
    static __MONITOR_SITE: ::monitor_runtime::private::CallSite<
        ::monitor_runtime::private::on::Success,
        ::monitor_runtime::private::Site,
        (),
        (),
    > = ::monitor_runtime::private::CallSite::new(
        ::monitor_runtime::private::Site::counter(&CALLS, &CALLS { kind: "a" }),
        (),
        (),
    );
    let call = ::monitor_runtime::private::Call::start(&__MONITOR_SITE, 1);
    let body = ::monitor_runtime::private::Once(
        move || -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
            Box::pin(async { 3 })
        },
        ::core::marker::PhantomData,
    );
    let value = body.0();
    let kind = {
        use ::monitor_runtime::private::returned::named::*;
        (&&&&Returned(&value)).kind()
    };
    kind.finish(
        value,
        call,
        |call, value| ::monitor_runtime::private::finished_with(
            if false {
                ::monitor_runtime::private::judge::value(value).way()
            } else {
                ::monitor_runtime::private::judge::Way
            },
            call,
            value,
        ),
    )
}
