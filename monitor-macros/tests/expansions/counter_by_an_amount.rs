// #[instrument(counter = BYTES, by = data.len() as u64, on = "failure")]
// fn send(data: &[u8]) -> io::Result<()> {
//     write(data)
// }

fn send(data: &[u8]) -> io::Result<()> {
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
    ::monitor_runtime::private::finished::<
        io::Result<()>,
        _,
        _,
    >(
        if false {
            ::monitor_runtime::private::judge::of::<io::Result<()>>().way()
        } else {
            ::monitor_runtime::private::judge::Way
        },
        ::monitor_runtime::private::Call::start(
            &__MONITOR_SITE,
            ::monitor_runtime::private::amount(|| data.len() as u64),
        ),
        'body: {
            if false {
                break 'body (::monitor_runtime::private::unreached());
            }
            {
                ();
                write(data)
            }
        },
    )
}
