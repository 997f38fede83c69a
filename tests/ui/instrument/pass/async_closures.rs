//! Async closures as arguments.

use monitor_runtime::assert_delta;

monitor_runtime::metrics! {
    /// Calls
    counter CALLS = "calls_total";
    /// Seconds
    histogram LATENCY = "latency_seconds";
}

#[monitor_runtime::instrument(counter = CALLS)]
async fn twice(mut action: impl AsyncFnMut(u8) -> u8) -> u8 {
    action(1).await + action(2).await
}

#[monitor_runtime::instrument(counter = CALLS, histogram = LATENCY)]
async fn once<F>(action: F) -> Result<(), String>
where
    F: AsyncFnOnce() -> Result<(), String>,
{
    action().await?;
    Ok(())
}

fn main() {
    let mut turns = 0;
    assert_delta!(CALLS {}, 1, {
        let sum = ui::run(twice(async |number| {
            turns += 1;
            number
        }));
        assert_eq!((sum, turns), (3, 2));
    });
    assert_delta!(CALLS {}, 0, assert!(ui::run(once(async || Err(String::new()))).is_err()));
}
