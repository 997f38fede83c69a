// #[instrument(counter = CALLS, kind = "a")]
// fn call<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
//     Box::pin(async { 3 })
// }

fn call<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
    let call = {
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
        &__MONITOR_SITE
    };
    let call = ::monitor_runtime::private::Call::start(call, 1);
    let ::monitor_runtime::private::Once(body, _) = ::monitor_runtime::private::Once::<
        _,
        _,
    >(
        move || -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
            Box::pin(async { 3 })
        },
        ::core::marker::PhantomData,
    );
    let value = body();
    let kind = {
        use ::monitor_runtime::private::returned::named::*;
        (&&&&Returned(&value)).kind()
    };
    kind.finish(
        value,
        call,
        |call, value| {
            call
                .finish({
                    use ::monitor_runtime::private::judge::*;
                    (&&&&&&&&Probe(value)).outcome()
                })
        },
    )
}
