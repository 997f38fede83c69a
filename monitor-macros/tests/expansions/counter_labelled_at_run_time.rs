// #[instrument(counter = CALLS, kind = kind, good = number > 3)]
// fn call(kind: &str, number: u8) -> u8 {
//     number + 1
// }

fn call(kind: &str, number: u8) -> u8 {
    let series = ::monitor_runtime::private::label(|| ::monitor_runtime::private::Counter::with(
        &CALLS,
        CALLS {
            kind: { kind },
            good: number > 3,
        },
    ));
    ::monitor_runtime::private::succeeded::<
        u8,
        _,
        _,
    >(
        ::monitor_runtime::private::judge::Way::<
            ::monitor_runtime::private::judge::Anything,
        >,
        series,
        1,
        {
            ();
            number + 1
        },
    )
}
