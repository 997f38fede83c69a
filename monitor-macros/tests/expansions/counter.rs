// #[instrument(counter = CALLS, kind = "a")]
// fn call(number: u8) -> u8 {
//     number + 1
// }

fn call(number: u8) -> u8 {
    let call = ::monitor_runtime::private::UntilReturn::new(&__MONITOR_SITE, 1);
    static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::counter(
        &CALLS,
        &CALLS { kind: "a" },
    );
    { number + 1 }
}
