//! The only reader of time: ticks to subtract, and what they are in seconds.
//!
//! A tick is one of the processor's time stamp counter where the kernel itself keeps time by it, which it
//! does after checking that the counter runs at one rate and alike on all cores; elsewhere a nanosecond
//! of [`Instant`].

#[cfg(feature = "test-util")]
use std::cell::Cell;
#[cfg(feature = "test-util")]
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The time now. Worth nothing but for [`seconds_since`].
#[inline]
pub(crate) fn ticks() -> u64 {
    #[cfg(feature = "test-util")]
    if let Some(now) = MANUAL.get() {
        return now;
    }
    // Two threads on two cores may see the counter some ticks apart, and it may be read a little before
    // what stands above it is done; neither is worth the wait that would prevent it.
    if rate().is_some() { time_stamp() } else { nanoseconds() }
}

/// Seconds from `start`, as [`ticks`] gave it, to now; 0 if `start` lies ahead.
#[inline]
pub(crate) fn seconds_since(start: u64) -> f64 {
    seconds_since_by_time_stamp(start).unwrap_or_else(|| seconds_since_by_other(start))
}

/// [`seconds_since`] where it is a matter of a few instructions; `None` when another clock measures, or none is chosen.
#[inline(always)]
pub(crate) fn seconds_since_by_time_stamp(start: u64) -> Option<f64> {
    #[cfg(feature = "test-util")]
    if MANUAL.get().is_some() {
        return None;
    }
    known_rate().map(|rate| seconds(start, time_stamp(), rate))
}

#[cold]
fn seconds_since_by_other(start: u64) -> f64 {
    #[cfg(feature = "test-util")]
    if let Some(now) = MANUAL.get() {
        return seconds(start, now, SECONDS_A_NANOSECOND);
    }
    match rate() {
        Some(rate) => seconds(start, time_stamp(), rate),
        None => seconds(start, nanoseconds(), SECONDS_A_NANOSECOND),
    }
}

/// Seconds since the epoch, for what people read beside other clocks; never for durations.
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Chooses and calibrates the clock, which can take 2 ms; otherwise the first use does. Call it where nobody waits.
pub(crate) fn prepare() {
    static PREPARED: OnceLock<()> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let rate = if kernel_trusts_time_stamp() { calibrate() } else { None };
        RATE.store(rate.unwrap_or(INSTANT).to_bits(), Ordering::Relaxed);
    });
}

/// Time that a test moves by hand: while it lives, this thread's clock stands still except for
/// [`advance`](Self::advance).
///
/// A duration that began before it, or ends after it, means nothing.
#[cfg(feature = "test-util")]
#[derive(Debug)]
#[must_use = "time runs on as soon as this is dropped"]
pub struct Manual {
    outer: Option<u64>,
    /// The clock of one thread: it stays there.
    this_thread: PhantomData<*const ()>,
}

#[cfg(feature = "test-util")]
impl Manual {
    /// Stops this thread's clock.
    pub fn start() -> Manual {
        Manual { outer: MANUAL.replace(Some(0)), this_thread: PhantomData }
    }

    /// Moves this thread's clock on by `duration`.
    pub fn advance(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        MANUAL.set(MANUAL.get().map(|now| now.saturating_add(nanoseconds)));
    }
}

#[cfg(feature = "test-util")]
impl Drop for Manual {
    fn drop(&mut self) {
        MANUAL.set(self.outer);
    }
}

#[cfg(feature = "test-util")]
thread_local! {
    /// Nanoseconds of manual time.
    static MANUAL: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Seconds a tick of the time stamp counter; or [`INSTANT`]; 0 until the clock is chosen. It never changes
/// after that, so that a duration begins and ends by one clock.
static RATE: AtomicU64 = AtomicU64::new(0);
const INSTANT: f64 = -1.0;
const SECONDS_A_NANOSECOND: f64 = 1e-9;
const CALIBRATION: Duration = Duration::from_millis(2);

/// Seconds a tick of the time stamp counter, if that is the clock.
#[inline]
fn rate() -> Option<f64> {
    known_rate().or_else(first_rate)
}

#[inline(always)]
fn known_rate() -> Option<f64> {
    let bits = RATE.load(Ordering::Relaxed);
    // A positive float is a positive integer, which takes fewer instructions to find out.
    (bits as i64 > 0).then_some(f64::from_bits(bits))
}

#[cold]
fn first_rate() -> Option<f64> {
    prepare();
    known_rate()
}

#[inline]
fn seconds(start: u64, end: u64, rate: f64) -> f64 {
    // Signed: a start that lies ahead is a negative difference, and the conversion is one instruction.
    (end.wrapping_sub(start) as i64).max(0) as f64 * rate
}

#[cold]
fn nanoseconds() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = ORIGIN.get_or_init(Instant::now);
    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds a tick, over 2 ms: within 0.01 % or so, less than `Instant` itself is slewed by.
fn calibrate() -> Option<f64> {
    let (start, first) = reading();
    while start.elapsed() < CALIBRATION {
        std::hint::spin_loop();
    }
    let (end, last) = reading();
    let ticks = last.checked_sub(first).filter(|&ticks| ticks > 0)?;
    Some(end.duration_since(start).as_secs_f64() / ticks as f64)
}

/// Both clocks at one time: of a few readings the one that was least interrupted.
fn reading() -> (Instant, u64) {
    let take = || {
        let before = time_stamp();
        let instant = Instant::now();
        let after = time_stamp();
        (after.wrapping_sub(before), (instant, before.wrapping_add(after.wrapping_sub(before) / 2)))
    };
    let (mut width, mut best) = take();
    for _ in 0..8 {
        let (next_width, next) = take();
        if next_width < width {
            (width, best) = (next_width, next);
        }
    }
    best
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn kernel_trusts_time_stamp() -> bool {
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|source| source.trim_end() == "tsc")
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn kernel_trusts_time_stamp() -> bool {
    false
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[inline]
#[expect(unsafe_code, reason = "a timed call reads the clock twice: 60 instructions so, 250 through `Instant`")]
fn time_stamp() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux lets a process use it where it keeps
    // its own vDSO clock by it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn time_stamp() -> u64 {
    0
}
