// #[instrument(counter = CALLS, crate = company::telemetry)]
// fn call() {
//     work();
// }

fn call() {
    static __MONITOR_SITE: company::telemetry::private::Site = company::telemetry::private::Site::counter(
        &CALLS,
        &CALLS {},
    );
    company::telemetry::private::succeeded::<
        (),
        _,
        _,
    >(
        company::telemetry::private::judge::Way::<
            company::telemetry::private::judge::Anything,
        >,
        &__MONITOR_SITE,
        1,
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
