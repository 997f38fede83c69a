// #[with_credits(cost = 5)]
// async fn report(pages: u32) -> Result<u32, CreditsError> {
//     Ok(pages)
// }

async fn report(pages: u32) -> Result<u32, CreditsError> {
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
    let call = match call.hold().await {
        ::core::result::Result::Ok(call) => call,
        ::core::result::Result::Err(refused) => {
            return ::monitor_runtime::private::paid::refuse::<
                Result<u32, CreditsError>,
            >(refused);
        }
    };
    let value = call
        .around(
            ::monitor_runtime::private::typed::<
                Result<u32, CreditsError>,
                _,
            >(async move {
                if false {
                    return ::monitor_runtime::private::unreached::<
                        Result<u32, CreditsError>,
                    >();
                }
                { Ok(pages) }
            }),
        )
        .await;
    let outcome = {
        use ::monitor_runtime::private::judge::*;
        (&&&&&&&&Probe(&value)).outcome()
    };
    call.settle(outcome).await;
    value
}
