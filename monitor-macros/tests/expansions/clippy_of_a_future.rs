// #[instrument(counter = CALLS, good = |number| *number > 3)]
// fn call<'a>(numbers: &'a [u8]) -> Pin<Box<dyn Future<Output = &'a u8> + 'a>> {
//     async move { &numbers[0] }
// }

fn call<'a>(numbers: &'a [u8]) -> Pin<Box<dyn Future<Output = &'a u8> + 'a>> {
    async move {
        let _ = || {
            let call = ::monitor_runtime::private::ResultCall::start(
                ::monitor_runtime::private::label(|| ()),
                1,
                |(), ended| {
                    ended
                        .count(
                            ::monitor_runtime::private::On::Success,
                            |_| ::monitor_runtime::private::counter_by_name(
                                &CALLS,
                                &[
                                    (
                                        "good",
                                        ::monitor_runtime::private::no_result(ended.outcome),
                                    ),
                                ],
                            ),
                        );
                },
            );
            let value = ::monitor_runtime::private::unreached::<
                Pin<Box<dyn Future<Output = &'_ u8> + '_>>,
            >();
            let _ = {
                let kind = {
                    use ::monitor_runtime::private::returned::named::*;
                    (&&&&Returned(&value)).kind()
                };
                kind.finish(
                    value,
                    call,
                    |call, value| {
                        let result = value;
                        call.finish(
                            ::monitor_runtime::private::judge::outcome(
                                if false {
                                    ::monitor_runtime::private::judge::value(value).way()
                                } else {
                                    ::monitor_runtime::private::judge::Way
                                },
                                value,
                            ),
                            |(), ended| {
                                if let ::core::option::Option::Some((label0,)) = ::monitor_runtime::private::label(||
                                (
                                    ::monitor_runtime::private::apply(
                                        result,
                                        |number| *number > 3,
                                    ),
                                )) {
                                    ended
                                        .count(
                                            ::monitor_runtime::private::On::Success,
                                            |_| ::monitor_runtime::private::Counter::with(
                                                &CALLS,
                                                CALLS {
                                                    good: {
                                                        use ::monitor_runtime::private::keep::*;
                                                        (&Kept(&label0)).give()
                                                    },
                                                },
                                            ),
                                        );
                                }
                            },
                        )
                    },
                )
            };
        };
        &numbers[0]
    }
}
