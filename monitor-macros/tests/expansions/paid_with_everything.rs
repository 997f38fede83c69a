// #[with_credits(cost = pages * 2, account = user.id, operation = "report", ledger = credits, idempotency_key = key, when_down = "serve", on_drop = "capture")]
// async fn report(pages: u32, user: User, credits: Credits, key: &str) -> HttpResponse {
//     HttpResponse::Ok().finish()
// }

async fn report(pages: u32, user: User, credits: Credits, key: &str) -> HttpResponse {
    let call = {
        static __MONITOR_OPERATION: ::monitor_runtime::private::paid::PaidOperation = ::monitor_runtime::private::paid::PaidOperation::new(
            "report",
            "pages * 2",
            ::core::file!(),
            ::core::line!(),
        );
        ::monitor_runtime::private::inventory::submit! {
            ::monitor_runtime::private::paid::Declared(& __MONITOR_OPERATION)
        }
        ::monitor_runtime::private::paid::PaidCall::new(
                &__MONITOR_OPERATION,
                ::monitor_runtime::private::paid::cost(pages * 2),
            )
            .account(::monitor_runtime::private::paid::account(&user.id))
            .ledger(::monitor_runtime::private::paid::ledger(&credits))
            .key(::monitor_runtime::private::paid::key(&key))
            .served_when_down()
            .paid_when_dropped()
    };
    let call = match call.hold().await {
        ::core::result::Result::Ok(call) => call,
        ::core::result::Result::Err(refused) => {
            return ::monitor_runtime::private::paid::refuse::<HttpResponse>(refused);
        }
    };
    let value: HttpResponse = call
        .around(async move {
            if false {
                return ::monitor_runtime::private::unreached::<HttpResponse>();
            }
            {
                ();
                HttpResponse::Ok().finish()
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
