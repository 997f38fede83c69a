// #[detect_anomalies("credit_charging")]
// async fn charge(&mut self) -> Result<u64, Refusal> {
//     self.take().await
// }

async fn charge(&mut self) -> Result<u64, Refusal> {
    let call = ::monitor_runtime::private::Call::start(&__MONITOR_SITE, 1);
    let value: Result<u64, Refusal> = async move {
        if false {
            return ::monitor_runtime::private::unreached::<Result<u64, Refusal>>();
        }
        { self.take().await }
    }
        .await;
    static __MONITOR_SITE: ::monitor_runtime::private::WatchSite = ::monitor_runtime::private::WatchSite::new(
        "credit_charging",
        "charge",
        ::monitor_runtime::private::Place {
            file: ::core::file!(),
            line: ::core::line!(),
        },
        ::core::option::Option::None,
        ::core::option::Option::None,
    );
    ::monitor_runtime::private::inventory::submit! {
        ::monitor_runtime::private::WatchedSite(& __MONITOR_SITE)
    }
    ::monitor_runtime::private::finished_with(
        if false {
            ::monitor_runtime::private::judge::value(&value).way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        call,
        &value,
    );
    value
}
