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
    let value: Result<u32, CreditsError> = call
        .around(async move {
            if false {
                return ::monitor_runtime::private::unreached::<
                    Result<u32, CreditsError>,
                >();
            }
            {
                ();
                Ok(pages)
            }
        })
        .await;
    let outcome = ::monitor_runtime::private::judge::outcome(
        if false {
            ::monitor_runtime::private::judge::value(&value).way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        &value,
    );
    call.settle(outcome).await;
    value
}
