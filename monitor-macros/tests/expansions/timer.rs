// let a = timer!(EXPORT_LATENCY, operation = "pdf");
// let b = timer!(EXPORT_LATENCY, operation = name);

fn scope() {
    let a = {
        static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::histogram(
            &EXPORT_LATENCY,
            &EXPORT_LATENCY { operation: "pdf" },
        );
        __MONITOR_SITE.histogram_series().start_timer()
    };
    let b = ::monitor_runtime::private::Histogram::with(
            &EXPORT_LATENCY,
            EXPORT_LATENCY { operation: name },
        )
        .start_timer();
}
