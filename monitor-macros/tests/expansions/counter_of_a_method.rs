// #[instrument(counter = metrics::CALLS)]
// pub fn call(&mut self) -> Option<&mut u8> {
//     self.numbers.last_mut()
// }

pub fn call(&mut self) -> Option<&mut u8> {
    static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::counter(
        &metrics::CALLS,
        &metrics::CALLS {},
    );
    let body = ::monitor_runtime::private::Once(
        move || -> Option<&mut u8> { self.numbers.last_mut() },
        ::core::marker::PhantomData,
    );
    ::monitor_runtime::private::succeeded(
        if false {
            ::monitor_runtime::private::judge::body(&body).way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        &__MONITOR_SITE,
        1,
        body.0(),
    )
}
