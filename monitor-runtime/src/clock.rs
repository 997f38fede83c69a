//! A plain stand-in until the real room is here.
use std::sync::LazyLock; use std::time::Instant;
static T: LazyLock<Instant> = LazyLock::new(Instant::now);
pub(crate) fn prepare() { LazyLock::force(&T); }
pub(crate) fn ticks() -> u64 { T.elapsed().as_nanos() as u64 }
pub(crate) fn seconds_since(start: u64) -> f64 { ticks().saturating_sub(start) as f64 * 1e-9 }
