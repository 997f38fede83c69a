// #[instrument(counter = CALLS, kind = "a")]
// fn call(text: &str) -> Result<u8, ParseIntError> {
//     Ok(text.parse()?)
// }

fn call(text: &str) -> Result<u8, ParseIntError> {
    let call = {
        static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::counter(
            &CALLS,
            &CALLS { kind: "a" },
        );
        &__MONITOR_SITE
    };
    let ::monitor_runtime::private::Once(body, _) = ::monitor_runtime::private::Once::<
        _,
        _,
    >(
        move || -> Result<u8, ParseIntError> { Ok(text.parse()?) },
        ::core::marker::PhantomData,
    );
    let value = body();
    ::monitor_runtime::private::succeeded(
        call,
        {
            use ::monitor_runtime::private::judge::*;
            (&&&&&&&&Probe(&value)).outcome()
        },
        1,
    );
    value
}
