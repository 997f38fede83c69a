// #[with_credits(cost = 5)]
// fn report() -> impl Future<Output = Result<u8, CreditsError>> {
//     async { Ok(3) }
// }

fn report() -> impl Future<Output = Result<u8, CreditsError>> {
    let call = {
        static __MONITOR_OPERATION: ::monitor_runtime::private::paid::PaidOperation = ::monitor_runtime::private::paid::PaidOperation::new(
            ::core::concat!(::core::module_path!(), "::", "report"),
            "5",
            ::core::file!(),
            ::core::line!(),
        );
        ::monitor_runtime::private::inventory::submit! {
            ::monitor_runtime::private::paid::Declared(& __MONITOR_OPERATION)
        }
        ::monitor_runtime::private::paid::PaidCall::new(
            &__MONITOR_OPERATION,
            ::monitor_runtime::private::paid::cost(5i64),
        )
    };
    let body = ::monitor_runtime::private::Once(
        move || -> _ { async { Ok(3) } },
        ::core::marker::PhantomData,
    );
    if false {
        ::monitor_runtime::private::judge::given::<Result<u8, CreditsError>, _, _>(&body)
            .say()
    }
    let value = ::monitor_runtime::private::paid::AsFuture;
    value
        .run(
            call,
            body.0,
            |value| ::monitor_runtime::private::judge::outcome(
                if false {
                    ::monitor_runtime::private::judge::value(value).way()
                } else {
                    ::monitor_runtime::private::judge::Way
                },
                value,
            ),
        )
}
