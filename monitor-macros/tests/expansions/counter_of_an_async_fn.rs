// #[instrument(counter = CALLS, kind = "a")]
// async fn call(text: &str) -> Result<u8, ParseIntError> {
//     Ok(text.parse()?)
// }

async fn call(text: &str) -> Result<u8, ParseIntError> {
    let call = {
        static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::counter(
            &CALLS,
            &CALLS { kind: "a" },
        );
        &__MONITOR_SITE
    };
    let value = ::monitor_runtime::private::typed::<
        Result<u8, ParseIntError>,
        _,
    >(async move {
            if false {
                return ::monitor_runtime::private::unreached::<
                    Result<u8, ParseIntError>,
                >();
            }
            { Ok(text.parse()?) }
        })
        .await;
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
