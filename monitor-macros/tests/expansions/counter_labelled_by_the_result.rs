// #[instrument(counter = CALLS, kind = kind, good = |number| *number > 3, outcome)]
// async fn call(kind: &str) -> u8 {
//     3
// }

async fn call(kind: &str) -> u8 {
    let call = ::monitor_runtime::private::ResultCall::start(
        ::monitor_runtime::private::label(|| (kind,)),
        1,
        |(label0,), ended| {
            ended
                .count(
                    ::monitor_runtime::private::On::Success,
                    |outcome| ::monitor_runtime::private::counter_by_name(
                        &CALLS,
                        &[
                            (
                                "kind",
                                ::monitor_runtime::private::LabelValue::text(
                                    &label0,
                                    &mut ::monitor_runtime::private::LabelBuffer::new(),
                                ),
                            ),
                            (
                                "good",
                                ::monitor_runtime::private::no_result(ended.outcome),
                            ),
                            ("outcome", outcome.as_str()),
                        ],
                    ),
                );
        },
    );
    let value = ::core::convert::identity::<
        u8,
    >({
        ();
        3
    });
    {
        let result = &value;
        call.finish(
            ::monitor_runtime::private::judge::outcome(
                ::monitor_runtime::private::judge::Way::<
                    ::monitor_runtime::private::judge::Anything,
                >,
                &value,
            ),
            |(label0,), ended| {
                if let ::core::option::Option::Some((label1,)) = ::monitor_runtime::private::label(||
                (::monitor_runtime::private::apply(result, |number| *number > 3),)) {
                    ended
                        .count(
                            ::monitor_runtime::private::On::Success,
                            |outcome| ::monitor_runtime::private::Counter::with(
                                &CALLS,
                                CALLS {
                                    kind: {
                                        use ::monitor_runtime::private::keep::*;
                                        (&Kept(&label0)).give()
                                    },
                                    good: {
                                        use ::monitor_runtime::private::keep::*;
                                        (&Kept(&label1)).give()
                                    },
                                    outcome: outcome,
                                },
                            ),
                        );
                }
            },
        )
    };
    value
}
