//! Exemplars: for each bucket the last observation that belongs to a trace, so that a slow bucket leads to a slow call.
//! Which requests have a trace is for others to know; the page writes them in OpenMetrics.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, PoisonError};

use foldhash::fast::FixedState;

/// The id of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// The id of these bytes; `None` if all are zero, which is no id (W3C Trace Context, 3.2.2.3).
    pub const fn new(bytes: [u8; 16]) -> Option<TraceId> {
        if u128::from_be_bytes(bytes) == 0 { None } else { Some(TraceId(bytes)) }
    }

    /// The id in a `traceparent` header (W3C Trace Context, 3.2), if its trace is sampled: another leads nowhere.
    ///
    /// ```
    /// use monitor_runtime::TraceId;
    ///
    /// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let id = TraceId::from_traceparent(header).map(|id| id.to_string());
    /// assert_eq!(id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    /// ```
    pub fn from_traceparent(header: &str) -> Option<TraceId> {
        let bytes = header.as_bytes();
        // version-trace_id-parent_id-flags; a later version may go on after another dash.
        let (fixed, rest) = bytes.split_at_checked(55)?;
        let version = hex::<1>(fixed.get(..2)?)?[0];
        let dashes = [2, 35, 52].iter().all(|at| fixed.get(*at) == Some(&b'-'));
        let goes_on = if version == 0 { rest.is_empty() } else { rest.is_empty() || rest.starts_with(b"-") };
        if version == 0xff || !dashes || !goes_on {
            return None;
        }
        let parent = hex::<8>(fixed.get(36..52)?)?;
        let flags = hex::<1>(fixed.get(53..55)?)?[0];
        if parent == [0; 8] || flags & 1 == 0 {
            return None;
        }
        TraceId::new(hex(fixed.get(3..35)?)?)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Lower-case hexadecimal digits, as the standard has them.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// One observation and its trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: TraceId,
    pub(crate) value: f64,
    /// Seconds since the epoch.
    pub(crate) time: f64,
}

/// By the bucket's cell, so there are never more than buckets. Spread, and never waited for by an observation.
type Kept = HashMap<u32, Exemplar, FixedState>;
static KEPT: LazyLock<[Mutex<Kept>; 16]> = LazyLock::new(Default::default);
static ANY: AtomicBool = AtomicBool::new(false);

fn room(cell: u32) -> &'static Mutex<Kept> {
    &KEPT[cell as usize % KEPT.len()]
}

/// Keeps the exemplar of a bucket, unless somebody is at it right now: there will be another.
pub(crate) fn keep(cell: u32, exemplar: Exemplar) {
    if let Ok(mut kept) = room(cell).try_lock() {
        kept.insert(cell, exemplar);
        ANY.store(true, Relaxed);
    }
}

/// Whether there are any at all, in this process.
pub(crate) fn any() -> bool {
    ANY.load(Relaxed)
}

/// The exemplar of a bucket.
pub(crate) fn of(cell: u32) -> Option<Exemplar> {
    room(cell).lock().unwrap_or_else(PoisonError::into_inner).get(&cell).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let read = |header: &str| TraceId::from_traceparent(header).map(|id| id.to_string());
        let valid = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(read(&valid).as_deref(), Some(id));
        // A later version may carry more.
        assert_eq!(read(&format!("cc-{id}-00f067aa0ba902b7-01-what")).as_deref(), Some(id));
        for wrong in [
            String::new(),
            format!("00-{id}-00f067aa0ba902b7-00"),
            format!("00-{id}-00f067aa0ba902b7-01-more"),
            format!("00-{id}-00f067aa0ba902b7-01x"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{id}-{}-01", "0".repeat(16)),
            format!("00_{id}_00f067aa0ba902b7_01"),
            valid.replace('a', "é"),
            "é".repeat(40),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
