// #[instrument(counter = CALLS, crate = company::telemetry)]
// fn call() {
//     work();
// }

fn call() {
    let call = company::telemetry::private::UntilReturn::new(&__MONITOR_SITE, 1);
    static __MONITOR_SITE: company::telemetry::private::Site = company::telemetry::private::Site::counter(
        &CALLS,
        &CALLS {},
    );
    {
        work();
    }
}
