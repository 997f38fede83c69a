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
    let ::monitor_runtime::private::Once(body, _) = ::monitor_runtime::private::Once::<
        _,
        _,
    >(move || -> _ { async { Ok(3) } }, ::core::marker::PhantomData);
    let value = ::monitor_runtime::private::paid::AsFuture;
    value
        .run(
            call,
            body,
            |value| {
                use ::monitor_runtime::private::judge::*;
                (&&&&&&&&Probe(value)).outcome()
            },
        )
}
