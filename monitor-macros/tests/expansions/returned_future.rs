// #[instrument(counter = CALLS, kind = "a")]
// fn call() -> impl Future<Output = u8> {
//     async { 3 }
// }

fn call() -> impl Future<Output = u8> {
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
        move || -> _ { async { 3 } },
        ::core::marker::PhantomData,
    );
    if false {
        ::monitor_runtime::private::judge::given::<u8, _, _>(&body).say()
    }
    let value = body.0();
    let kind = {
        use ::monitor_runtime::private::returned::hidden::*;
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
