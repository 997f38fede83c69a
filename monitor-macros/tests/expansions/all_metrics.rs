// #[instrument(counter = CALLS, histogram = LATENCY, gauge = RUNNING, kind = kind)]
// async fn call(kind: &str) -> Result<u8, String> {
//     Ok(3)
// }

async fn call(kind: &str) -> Result<u8, String> {
    let call = ::monitor_runtime::private::label(|| {
        let label0 = kind;
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
    });
    let call = ::monitor_runtime::private::Call::start(
        call.unwrap_or(::monitor_runtime::private::CallSeries::NOTHING),
        1,
    );
    let value: Result<u8, String> = async move {
        if false {
            return ::monitor_runtime::private::unreached::<Result<u8, String>>();
        }
        { Ok(3) }
    }
        .await;
    ::monitor_runtime::private::finished_with(
        if false {
            ::monitor_runtime::private::judge::value(&value).way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        call,
        &value,
    );
    value
}
