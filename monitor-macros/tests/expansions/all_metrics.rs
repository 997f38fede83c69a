// #[instrument(counter = CALLS, histogram = LATENCY, gauge = RUNNING, kind = kind)]
// async fn call(kind: &str) -> Result<u8, String> {
//     Ok(3)
// }

async fn call(kind: &str) -> Result<u8, String> {
    let call = ::monitor_runtime::private::label(|| match (kind,) {
        (label0,) => {
            ::monitor_runtime::private::CallSeries {
                counter: ::core::option::Option::Some(
                    ::monitor_runtime::private::Counter::with(
                        &CALLS,
                        CALLS {
                            kind: {
                                use ::monitor_runtime::private::keep::*;
                                (&Kept(&label0)).give()
                            },
                        },
                    ),
                ),
                on: ::monitor_runtime::private::On::Success,
                histogram: ::core::option::Option::Some(
                    ::monitor_runtime::private::Histogram::with(
                        &LATENCY,
                        LATENCY {
                            kind: {
                                use ::monitor_runtime::private::keep::*;
                                (&Kept(&label0)).give()
                            },
                        },
                    ),
                ),
                gauge: ::core::option::Option::Some(
                    ::monitor_runtime::private::Gauge::with(
                        &RUNNING,
                        RUNNING {
                            kind: {
                                use ::monitor_runtime::private::keep::*;
                                (&Kept(&label0)).give()
                            },
                        },
                    ),
                ),
            }
        }
    });
    ::monitor_runtime::private::finished::<
        Result<u8, String>,
        _,
        _,
    >(
        if false {
            ::monitor_runtime::private::judge::of::<Result<u8, String>>().way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        ::monitor_runtime::private::Call::start(
            call.unwrap_or(::monitor_runtime::private::CallSeries::NOTHING),
            1,
        ),
        {
            ();
            Ok(3)
        },
    )
}
