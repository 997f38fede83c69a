// #[detect_anomalies("credit_charging", latency_threshold = "500ms", error_threshold = 0.01)]
// fn charge(credits: u64) -> Result<u64, Refusal> {
//     Ok(credits)
// }

fn charge(credits: u64) -> Result<u64, Refusal> {
    static __MONITOR_SITE: ::monitor_runtime::private::WatchSite = ::monitor_runtime::private::WatchSite::new(
        "credit_charging",
        "charge",
        ::monitor_runtime::private::Place {
            file: ::core::file!(),
            line: ::core::line!(),
        },
        ::core::option::Option::Some(0.5f64),
        ::core::option::Option::Some(0.01f64),
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
            Ok(credits)
        },
    )
}
