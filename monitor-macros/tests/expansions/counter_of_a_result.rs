// #[instrument(counter = CALLS, kind = "a")]
// fn call(text: &str) -> Result<u8, ParseIntError> {
//     Ok(text.parse()?)
// }

fn call(text: &str) -> Result<u8, ParseIntError> {
    static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::counter(
        &CALLS,
        &CALLS { kind: "a" },
    );
    let body = ::monitor_runtime::private::Once(
        move || -> Result<u8, ParseIntError> { Ok(text.parse()?) },
        ::core::marker::PhantomData,
    );
    ::monitor_runtime::private::succeeded(
        if false {
            ::monitor_runtime::private::judge::body(&body).way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        &__MONITOR_SITE,
        1,
        body.0(),
    )
}
