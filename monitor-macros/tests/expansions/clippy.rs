// #[instrument(counter = CALLS, kind = kind)]
// fn call(kind: &str) -> u8 {
//     use std::cmp::max;
//     let number = max(1, 3);
//     number
// }

fn call(kind: &str) -> u8 {
    use std::cmp::max;
    let _ = || {
        let series = ::monitor_runtime::private::label(|| ::monitor_runtime::private::Counter::with(
            &CALLS,
            CALLS { kind: { kind } },
        ));
    };
    let number = max(1, 3);
    number
}
