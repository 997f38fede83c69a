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
    let call = ::monitor_runtime::private::UntilReturn::new(series, 1);
    { number + 1 }
}
