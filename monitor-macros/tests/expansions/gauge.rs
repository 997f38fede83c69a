// #[instrument(gauge = RUNNING, kind = "a")]
// async fn call() {
//     work().await
// }

async fn call() {
    static __MONITOR_SITE: ::monitor_runtime::private::CallSite<
        ::monitor_runtime::private::on::Success,
        (),
        (),
        ::monitor_runtime::private::Site,
    > = ::monitor_runtime::private::CallSite::new(
        (),
        (),
        ::monitor_runtime::private::Site::gauge(&RUNNING, &RUNNING { kind: "a" }),
    );
    let call = ::monitor_runtime::private::Call::start(&__MONITOR_SITE, 1);
    {
        ();
        work().await
    }
}
