//! The only reader of time: ticks to subtract, and what they are in seconds.
//!
//! A tick is one of the processor's time stamp counter where the kernel itself keeps time by it, which it
//! does after checking that the counter runs at one rate and alike on all cores; elsewhere a nanosecond
//! of [`Instant`].

#[cfg(feature = "test-util")]
use std::cell::Cell;
#[cfg(feature = "test-util")]
use std::marker::PhantomData;
#[cfg(any(test, feature = "test-util"))]
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
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

/// Seconds that this process has run, more or less: they rise, whatever becomes of the time of day.
pub(crate) fn uptime() -> f64 {
    #[cfg(feature = "test-util")]
    if let Some(now) = MANUAL.get() {
        return now as f64 * SECONDS_A_NANOSECOND;
    }
    static START: OnceLock<u64> = OnceLock::new();
    seconds_since(*START.get_or_init(ticks))
}

/// Seconds since the epoch, for what people read beside other clocks; never for durations.
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Microseconds since the epoch, for a store of this machine and for the calendar.
pub(crate) fn unix_micros() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Microseconds since some instant of this process; they never go back.
pub(crate) fn steady_micros() -> i64 {
    #[cfg(feature = "test-util")]
    if let Some(now) = MANUAL.get() {
        return i64::try_from(now / 1000).unwrap_or(i64::MAX);
    }
    i64::try_from(nanoseconds() / 1000).unwrap_or(i64::MAX)
}

/// Microseconds since the machine was started, or since some other instant: they run as evenly as the machine can tell,
/// whatever is done to the time of day, and go on while it is suspended if the system counts that.
fn running_micros() -> i64 {
    #[cfg(all(feature = "sqlite", any(target_os = "linux", target_os = "android")))]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1000)
    }
    #[cfg(not(all(feature = "sqlite", any(target_os = "linux", target_os = "android"))))]
    {
        i64::try_from(nanoseconds() / 1000).unwrap_or(i64::MAX)
    }
}

/// The clock that a store of this process keeps: a steady one, set once by the system's; or with the feature `test-util` one
/// that a test moves by hand, in all threads at once.
#[derive(Clone, Debug)]
pub struct StoreClock {
    source: Source,
    /// Microseconds that are added, so that a store does not go back behind what it has written.
    ahead: i64,
}

#[derive(Clone, Debug)]
enum Source {
    /// What the system's clock said at an instant of the steady one.
    Steady { wall: i64, running: i64 },
    #[cfg(any(test, feature = "test-util"))]
    Manual(Arc<AtomicI64>),
}

impl StoreClock {
    /// The system's clock as it is now; from here on time runs evenly, whatever is done to the system's clock.
    #[must_use]
    pub fn system() -> StoreClock {
        StoreClock { source: Source::Steady { wall: unix_micros(), running: running_micros() }, ahead: 0 }
    }

    /// The same clock, moved on if it were behind this time of the store.
    #[cfg(feature = "sqlite")]
    pub(crate) fn not_before(self, newest: i64) -> StoreClock {
        const A_SECOND: i64 = 1_000_000;
        let behind = newest.saturating_sub(self.now()).max(0);
        if behind > A_SECOND {
            tracing::warn!(
                seconds = behind / A_SECOND,
                "the system's clock is behind the last entry of the ledger, which goes on from there"
            );
        }
        StoreClock { ahead: self.ahead.saturating_add(behind), ..self }
    }

    /// A clock that stands still except for [`advance`](Self::advance); its clones show the same time.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn manual() -> StoreClock {
        StoreClock { source: Source::Manual(Arc::new(unix_micros().into())), ahead: 0 }
    }

    /// Moves a manual clock on; the system's is not ours to move.
    #[cfg(any(test, feature = "test-util"))]
    pub fn advance(&self, duration: Duration) {
        if let Source::Manual(now) = &self.source {
            now.fetch_add(i64::try_from(duration.as_micros()).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// Microseconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        let now = match &self.source {
            Source::Steady { wall, running } => wall.saturating_add(running_micros().saturating_sub(*running)),
            #[cfg(any(test, feature = "test-util"))]
            Source::Manual(now) => now.load(Ordering::Relaxed),
        };
        now.saturating_add(self.ahead)
    }
}

/// Milliseconds since the epoch, so many seconds after `ticks`. They run as evenly as the ticks do, whatever is done to
/// the system's clock, and [`follow_wall`] keeps them near it.
#[inline]
pub(crate) fn unix_ms(ticks: u64, seconds: f64) -> u64 {
    #[cfg(feature = "test-util")]
    if MANUAL.get().is_some() {
        return MANUAL_EPOCH_MS + ticks / 1_000_000 + (seconds * 1e3) as u64;
    }
    let (offset, rate) = (OFFSET_MS.load(Ordering::Relaxed), known_rate().unwrap_or(SECONDS_A_NANOSECOND));
    let offset = if offset == 0 { first_offset() } else { offset };
    (((ticks as i64 as f64 * rate + seconds) * 1e3) as i64).wrapping_add(offset) as u64
}

/// Milliseconds since the epoch now, as [`unix_ms`] counts them.
pub(crate) fn unix_ms_now() -> u64 {
    unix_ms(ticks(), 0.0)
}

/// Moves what [`unix_ms`] gives towards the system's clock: half a second at a time, so that nothing that looks at it
/// sees a leap, unless it is off by more than an hour, as after a start without the right time.
pub(crate) fn follow_wall() {
    const STEP_MS: i64 = 500;
    const LEAP_MS: i64 = 3_600_000;
    #[cfg(feature = "test-util")]
    if MANUAL.get().is_some() {
        return;
    }
    let off = (unix_seconds() * 1e3) as i64 - unix_ms_now() as i64;
    let step = if off.abs() > LEAP_MS { off } else { off.clamp(-STEP_MS, STEP_MS) };
    OFFSET_MS.fetch_add(step, Ordering::Relaxed);
}

/// What is added to the ticks, in milliseconds, to have the time since the epoch; 0 until it is known.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

#[cold]
fn first_offset() -> i64 {
    let now = ticks() as i64 as f64 * (known_rate().unwrap_or(SECONDS_A_NANOSECOND) * 1e3);
    let offset = ((unix_seconds() * 1e3) as i64).wrapping_sub(now as i64);
    // Whoever comes first: one offset for all.
    match OFFSET_MS.compare_exchange(0, offset, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => offset,
        Err(first) => first,
    }
}

/// Which hand moves this thread's clock; 0 where it runs by itself. What one test's hand moves is no time of another's.
pub(crate) fn hand() -> u64 {
    #[cfg(feature = "test-util")]
    return HAND.get();
    #[cfg(not(feature = "test-util"))]
    0
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
    outer: (Option<u64>, u64),
    /// The clock of one thread: it stays there.
    this_thread: PhantomData<*const ()>,
}

#[cfg(feature = "test-util")]
impl Manual {
    /// Stops this thread's clock.
    pub fn start() -> Manual {
        static HANDS: AtomicU64 = AtomicU64::new(1);
        let hand = HANDS.fetch_add(1, Ordering::Relaxed);
        Manual { outer: (MANUAL.replace(Some(0)), HAND.replace(hand)), this_thread: PhantomData }
    }

    /// Moves this thread's clock on by `duration`.
    pub fn advance(&self, duration: Duration) {
        // To the end of time at most, which is after 292 years, because durations are signed.
        const END: u64 = i64::MAX as u64;
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(END);
        MANUAL.set(MANUAL.get().map(|now| now.saturating_add(nanoseconds).min(END)));
    }
}

#[cfg(feature = "test-util")]
impl Drop for Manual {
    fn drop(&mut self) {
        MANUAL.set(self.outer.0);
        HAND.set(self.outer.1);
    }
}

#[cfg(feature = "test-util")]
thread_local! {
    /// Nanoseconds of manual time.
    static MANUAL: Cell<Option<u64>> = const { Cell::new(None) };
    static HAND: Cell<u64> = const { Cell::new(0) };
}

/// When manual time begins: a Monday, at midnight.
#[cfg(feature = "test-util")]
const MANUAL_EPOCH_MS: u64 = 1_767_571_200_000;

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
    // Signed, because that conversion is one instruction.
    end.saturating_sub(start) as i64 as f64 * rate
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_lies_between_what_instant_says_around_and_inside_it() {
        prepare();
        let outside = Instant::now();
        let start = ticks();
        let inside = Instant::now();
        while inside.elapsed() < CALIBRATION {
            std::hint::spin_loop();
        }
        let least = inside.elapsed().as_secs_f64();
        let measured = seconds_since(start);
        let most = outside.elapsed().as_secs_f64();
        // However long the machine stopped us, and wherever. Calibration may be off by less than 1 %.
        assert!(least * 0.99 <= measured && measured <= most * 1.01, "{least} <= {measured} <= {most}");
    }

    #[test]
    fn a_start_that_lies_ahead_is_no_time_ago() {
        assert_eq!(seconds(7, 5, 1.0), 0.0);
        assert_eq!(seconds(5, 7, 0.5), 1.0);
        assert_eq!(seconds_since(ticks().wrapping_add(1 << 60)), 0.0);
    }

    #[test]
    fn both_clocks_move_on() {
        let (start, first) = (nanoseconds(), time_stamp());
        while nanoseconds() == start {
            std::hint::spin_loop();
        }
        assert!(nanoseconds() > start);
        assert!(!kernel_trusts_time_stamp() || time_stamp() > first);
    }

    #[test]
    fn milliseconds_since_the_epoch_are_those_of_the_system() {
        let before = unix_seconds();
        let at = unix_ms_now() as f64 / 1e3;
        let after = unix_seconds();
        // A clock that is set meanwhile is followed slowly.
        assert!(before - 2.0 <= at && at <= after + 2.0, "{before} <= {at} <= {after}");
        let ticks = ticks();
        assert!(unix_ms(ticks, 0.0) >= unix_ms(ticks - 1, 0.0));
        assert_eq!(unix_ms(ticks, 1.5), unix_ms(ticks, 0.5) + 1_000);
        follow_wall();
        assert!((unix_seconds() - unix_ms_now() as f64 / 1e3).abs() < 2.0);
    }

    #[test]
    fn a_store_s_clock_is_set_once_by_the_system_s() {
        // As if the system's clock had jumped by half a century since.
        let clock = StoreClock { source: Source::Steady { wall: 5, running: running_micros() }, ahead: 0 };
        let (before, other) = (clock.now(), clock.clone());
        assert!((5..unix_micros() / 2).contains(&before), "{before}");
        assert!(before <= other.now(), "it went back");
        let off = StoreClock::system().now() - unix_micros();
        assert!(off.abs() < 60_000_000, "{off} us");
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_store_s_clock_does_not_go_back_behind_what_was_written() {
        let clock = StoreClock::manual();
        let now = clock.now();
        let ahead = clock.clone().not_before(now + 7);
        assert_eq!(ahead.now(), now + 7);
        clock.advance(Duration::from_micros(3));
        assert_eq!((ahead.now(), clock.now()), (now + 10, now + 3));
        assert_eq!(ahead.not_before(now).now(), now + 10);
    }

    #[cfg(feature = "test-util")]
    #[test]
    fn manual_time_moves_by_hand_only() {
        let clock = Manual::start();
        let start = ticks();
        assert_eq!(seconds_since(start), 0.0);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(seconds_since(start), 1.5);
        clock.advance(Duration::MAX);
        assert!(seconds_since(start) > 1.5);
    }

    #[cfg(feature = "test-util")]
    #[test]
    fn manual_time_is_one_thread_s_and_ends_with_its_guard() {
        let outer = Manual::start();
        outer.advance(Duration::from_secs(5));
        let start = ticks();
        {
            let inner = Manual::start();
            let start = ticks();
            inner.advance(Duration::from_secs(1));
            assert_eq!(seconds_since(start), 1.0);
        }
        assert_eq!(seconds_since(start), 0.0);
        let elsewhere = std::thread::spawn(|| MANUAL.get());
        assert_eq!(elsewhere.join().expect("no panic"), None);
        drop(outer);
        assert_eq!(MANUAL.get(), None);
    }
}
