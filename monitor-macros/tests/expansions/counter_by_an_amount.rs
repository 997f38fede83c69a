// #[instrument(counter = BYTES, by = data.len() as u64, on = "failure")]
// fn send(data: &[u8]) -> io::Result<()> {
//     write(data)
// }

fn send(data: &[u8]) -> io::Result<()> {
    let call = {
        static __MONITOR_SITE: ::monitor_runtime::private::CallSite<
            ::monitor_runtime::private::on::Failure,
            ::monitor_runtime::private::Site,
            (),
            (),
        > = ::monitor_runtime::private::CallSite::new(
            ::monitor_runtime::private::Site::counter(&BYTES, &BYTES {}),
            (),
            (),
        );
        &__MONITOR_SITE
    };
    let call = ::monitor_runtime::private::Call::start(
        call,
        ::monitor_runtime::private::amount(|| data.len() as u64),
    );
    let ::monitor_runtime::private::Once(body, _) = ::monitor_runtime::private::Once::<
        _,
        _,
    >(move || -> io::Result<()> { write(data) }, ::core::marker::PhantomData);
    let value = body();
    call.finish({
        use ::monitor_runtime::private::judge::*;
        (&&&&&&&&Probe(&value)).outcome()
    });
    value
}
