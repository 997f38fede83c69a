// #[instrument(counter = metrics::CALLS)]
// pub fn call(&mut self) -> Option<&mut u8> {
//     self.numbers.last_mut()
// }

pub fn call(&mut self) -> Option<&mut u8> {
    let call = {
        static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::counter(
            &metrics::CALLS,
            &metrics::CALLS {},
        );
        &__MONITOR_SITE
    };
    let ::monitor_runtime::private::Once(body, _) = ::monitor_runtime::private::Once::<
        _,
        _,
    >(
        move || -> Option<&mut u8> { self.numbers.last_mut() },
        ::core::marker::PhantomData,
    );
    let value = body();
    ::monitor_runtime::private::succeeded(
        call,
        {
            use ::monitor_runtime::private::judge::*;
            (&&&&&&&&Probe(&value)).outcome()
        },
        1,
    );
    value
}
