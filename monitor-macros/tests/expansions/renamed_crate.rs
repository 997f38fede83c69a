// #[instrument(counter = CALLS, crate = company::telemetry)]
// fn call() {
//     work();
// }

fn call() {
    let call = {
        static __MONITOR_SITE: company::telemetry::private::Site = company::telemetry::private::Site::counter(
            &CALLS,
            &CALLS {},
        );
        &__MONITOR_SITE
    };
    let call = company::telemetry::private::UntilReturn::new(call, 1);
    {
        work();
    }
}
