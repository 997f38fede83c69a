// #[instrument(counter = CALLS, kind = "a")]
// fn call(number: u8) -> u8 {
//     number + 1
// }

fn call(number: u8) -> u8 {
    let call = {
        static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::counter(
            &CALLS,
            &CALLS { kind: "a" },
        );
        &__MONITOR_SITE
    };
    let call = ::monitor_runtime::private::UntilReturn::new(call, 1);
    { number + 1 }
}
