// #[instrument(counter = CALLS, kind = "a")]
// fn call(number: u8) -> u8 {
//     number + 1
// }

fn call(number: u8) -> u8 {
    static __MONITOR_SITE: ::monitor_runtime::private::Site = ::monitor_runtime::private::Site::counter(
        &CALLS,
        &CALLS { kind: "a" },
    );
    ::monitor_runtime::private::succeeded::<
        u8,
        _,
        _,
    >(
        ::monitor_runtime::private::judge::Way::<
            ::monitor_runtime::private::judge::Anything,
        >,
        &__MONITOR_SITE,
        1,
        {
            ();
            number + 1
        },
    )
}
