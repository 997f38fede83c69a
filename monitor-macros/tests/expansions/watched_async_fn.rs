// #[detect_anomalies("credit_charging")]
// async fn charge(&mut self) -> Result<u64, Refusal> {
//     self.take().await
// }

async fn charge(&mut self) -> Result<u64, Refusal> {
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
    ::monitor_runtime::private::finished::<
        Result<u64, Refusal>,
        _,
        _,
    >(
        if false {
            ::monitor_runtime::private::judge::of::<Result<u64, Refusal>>().way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        ::monitor_runtime::private::Call::start(&__MONITOR_SITE, 1),
        {
            ();
            self.take().await
        },
    )
}
