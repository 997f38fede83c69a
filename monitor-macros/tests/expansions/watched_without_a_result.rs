// #[detect_anomalies("clean_up", crate = company::telemetry)]
// fn clean_up() {
//     work();
// }

fn clean_up() {
    static __MONITOR_SITE: company::telemetry::private::WatchSite = company::telemetry::private::WatchSite::new(
        "clean_up",
        "clean_up",
        company::telemetry::private::Place {
            file: ::core::file!(),
            line: ::core::line!(),
        },
        ::core::option::Option::None,
        ::core::option::Option::None,
    );
    company::telemetry::private::inventory::submit! {
        company::telemetry::private::WatchedSite(& __MONITOR_SITE)
    }
    company::telemetry::private::finished::<
        (),
        _,
        _,
    >(
        company::telemetry::private::judge::Way::<
            company::telemetry::private::judge::Anything,
        >,
        company::telemetry::private::Call::start(&__MONITOR_SITE, 1),
        'body: {
            if false {
                break 'body (company::telemetry::private::unreached());
            }
            {
                work();
            }
        },
    )
}
