// #[instrument(counter = CALLS, kind = "a")]
// async fn call(text: &str) -> Result<u8, ParseIntError> {
//     Ok(text.parse()?)
// }

async fn call(text: &str) -> Result<u8, ParseIntError> {
    static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::counter(
        &CALLS,
        &CALLS { kind: "a" },
    );
    let value: Result<u8, ParseIntError> = async move {
        if false {
            return ::monitor_runtime::private::unreached::<Result<u8, ParseIntError>>();
        }
        {
            ();
            Ok(text.parse()?)
        }
    }
        .await;
    ::monitor_runtime::private::succeeded_with(
        if false {
            ::monitor_runtime::private::judge::value(&value).way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        &__MONITOR_SITE,
        1,
        &value,
    );
    value
}
