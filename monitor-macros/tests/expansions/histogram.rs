// #[track_latency(LATENCY, operation = "pdf")]
// fn export() -> Vec<u8> {
//     Vec::new()
// }

fn export() -> Vec<u8> {
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
    let value = ::core::convert::identity::<
        Vec<u8>,
    >('body: {
        if false {
            break 'body (::monitor_runtime::private::unreached());
        }
        {
            ();
            Vec::new()
        }
    });
    let kind = {
        use ::monitor_runtime::private::returned::named::*;
        (&&&&Returned(&value)).kind()
    };
    kind.finish(value, call, |call, value| ::monitor_runtime::private::done(call))
}
