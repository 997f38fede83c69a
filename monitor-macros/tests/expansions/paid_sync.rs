// #[with_credits(cost = 5)]
// fn report(&mut self) -> Result<&mut u32, CreditsError> {
//     Ok(&mut self.pages)
// }

fn report(&mut self) -> Result<&mut u32, CreditsError> {
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
        move || -> Result<&mut u32, CreditsError> { Ok(&mut self.pages) },
        ::core::marker::PhantomData,
    );
    let value = {
        use ::monitor_runtime::private::paid::kind::*;
        (&&&Kind(::core::marker::PhantomData::<Result<&mut u32, CreditsError>>)).kind()
    };
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
