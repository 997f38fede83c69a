// #[track_latency(LATENCY)]
// fn serve() -> ! {
//     loop {}
// }

fn serve() -> ! {
    static __MONITOR_SITE: ::monitor_runtime::private::CallSite<
        ::monitor_runtime::private::on::Any,
        (),
        ::monitor_runtime::private::Site,
        (),
    > = ::monitor_runtime::private::CallSite::new(
        (),
        ::monitor_runtime::private::Site::histogram(&LATENCY, &LATENCY {}),
        (),
    );
    let call = ::monitor_runtime::private::Call::start(&__MONITOR_SITE, 1);
    {
        ();
        loop {}
    }
}
