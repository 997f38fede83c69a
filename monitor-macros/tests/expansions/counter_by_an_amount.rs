// #[instrument(counter = BYTES, by = data.len() as u64, on = "failure")]
// fn send(data: &[u8]) -> io::Result<()> {
//     write(data)
// }

fn send(data: &[u8]) -> io::Result<()> {
    let call = ::monitor_runtime::private::Call::start(
        &__MONITOR_SITE,
        ::monitor_runtime::private::amount(|| data.len() as u64),
    );
    let body = ::monitor_runtime::private::Once(
        move || -> io::Result<()> { write(data) },
        ::core::marker::PhantomData,
    );
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
    ::monitor_runtime::private::finished(
        if false {
            ::monitor_runtime::private::judge::body(&body).way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        call,
        body.0(),
    )
}
