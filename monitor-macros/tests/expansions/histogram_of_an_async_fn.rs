// #[track_latency(LATENCY, operation = "pdf")]
// async fn export() -> Vec<u8> {
//     Vec::new()
// }

async fn export() -> Vec<u8> {
    static __MONITOR_SITE: ::monitor_runtime::private::CallSite<
        ::monitor_runtime::private::on::Any,
        (),
        ::monitor_runtime::private::Site,
        (),
    > = ::monitor_runtime::private::CallSite::new(
        (),
        ::monitor_runtime::private::Site::histogram(
            &LATENCY,
            &LATENCY { operation: "pdf" },
        ),
        (),
    );
    let call = ::monitor_runtime::private::Call::start(&__MONITOR_SITE, 1);
    {
        ();
        Vec::new()
    }
}
