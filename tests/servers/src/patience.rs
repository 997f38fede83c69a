//! Waiting for what another process does: asked again and again, a bounded number of times.

use std::thread::sleep;
use std::time::Duration;

const TRIES: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(25);
/// The pause where what is asked for takes half a minute by its nature, of a machine with nothing else to do.
const LONG_PAUSE: Duration = Duration::from_millis(150);

/// Asks another process until it says yes; its last no, when it never does.
pub fn eventually<T>(ask: impl FnMut() -> Result<T, String>) -> T {
    asked_every(PAUSE, ask)
}

/// As [`eventually`], with six times the patience.
pub fn at_length<T>(ask: impl FnMut() -> Result<T, String>) -> T {
    asked_every(LONG_PAUSE, ask)
}

fn asked_every<T>(pause: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    for _ in 0..TRIES {
        match ask() {
            Ok(answer) => return answer,
            Err(no) => last = no,
        }
        sleep(pause);
    }
    panic!("asked {TRIES} times in vain, at last: {last}");
}
