//! One measured call: a guard made when the body starts and told how it ended, or dropped and left to find out.

use std::marker::PhantomData;

use crate::clock;
use crate::health::{self, Trouble};
use crate::metrics::{CounterSeries, GaugeSeries, HistogramSeries, Site, cells};
use crate::open_calls::{OpenCall, Settles};
use crate::outcome::{Outcome, Verdict};
use crate::scope;

/// Runs a label's expression. If it panics, the measurement is lost and the body is not.
pub fn label<T>(expression: impl FnOnce() -> T) -> Option<T> {
    health::caught(Trouble::LabelPanicked, expression)
}

/// Which calls a counter counts; as a number, a bit for each outcome, so that no jump is needed to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum On {
    /// Those that did what was asked.
    Success = 1 << Outcome::Success as u8,
    /// Those that failed by our fault: an error, a panic, a call dropped half-way.
    Failure = 1 << Outcome::Failure as u8 | 1 << Outcome::Panic as u8 | 1 << Outcome::Cancelled as u8,
    /// Every one.
    Any = u8::MAX,
}

impl On {
    #[inline]
    const fn counts(self, outcome: Outcome) -> bool {
        self as u8 >> outcome as u8 & 1 != 0
    }
}

/// Which calls the counter of a call site counts, as a type, so that nothing asks for it at run time.
pub mod on {
    use super::On;

    /// Says which.
    pub trait Counts: Send + Sync + 'static {
        /// As a value.
        const ON: On;
    }

    macro_rules! types {
        ($($name:ident)*) => {$(
            #[doc = concat!("[`On::", stringify!($name), "`].")]
            #[derive(Debug)]
            pub struct $name;

            impl Counts for $name {
                const ON: On = On::$name;
            }
        )*};
    }
    types!(Success Failure Any);
}

use on::Counts;

/// A site, or `()` where an attribute names no such metric.
pub trait MaybeSite: Send + Sync + 'static {
    /// Whether there is one.
    const IS: bool;
    /// The site, if there is one.
    fn site(&self) -> Option<&Site>;
}

impl MaybeSite for Site {
    const IS: bool = true;

    #[inline(always)]
    fn site(&self) -> Option<&Site> {
        Some(self)
    }
}

impl MaybeSite for () {
    const IS: bool = false;

    #[inline(always)]
    fn site(&self) -> Option<&Site> {
        None
    }
}

/// What a call site writes to when all its label values are literals.
#[derive(Debug)]
pub struct CallSite<O, C, H, G> {
    counter: C,
    histogram: H,
    gauge: G,
    on: PhantomData<O>,
}

impl<O, C, H, G> CallSite<O, C, H, G> {
    /// The sites of one attribute.
    pub const fn new(counter: C, histogram: H, gauge: G) -> Self {
        CallSite { counter, histogram, gauge, on: PhantomData }
    }
}

/// What a call writes to: the sites of a [`CallSite`], or the series of a [`CallSeries`].
pub trait Target: Copy + Send + 'static {
    /// Whether it matters how long the call takes.
    const TIMED: bool = true;
    /// Whether it matters how the call ends.
    const JUDGED: bool = true;
    /// The call begins; also when a paused one goes on.
    fn enter(self);
    /// The call stops, whatever comes of it.
    fn leave(self);
    /// The call has ended.
    fn record(self, start: u64, outcome: Outcome, by: u64);
}

impl<O: Counts, C: MaybeSite, H: MaybeSite, G: MaybeSite> Target for &'static CallSite<O, C, H, G> {
    const TIMED: bool = H::IS;
    const JUDGED: bool = C::IS && !matches!(O::ON, On::Any);

    #[inline]
    fn enter(self) {
        if let Some(gauge) = self.gauge.site() {
            gauge.gauge_series().inc();
        }
    }

    #[inline]
    fn leave(self) {
        if let Some(gauge) = self.gauge.site() {
            gauge.gauge_series().dec();
        }
    }

    #[inline]
    fn record(self, start: u64, outcome: Outcome, by: u64) {
        let counter = self.counter.site().filter(|_| O::ON.counts(outcome));
        if record_at_home(counter, self.histogram.site(), start, by).is_none() {
            record_anywhere(counter, self.histogram.site(), start, by);
        }
    }
}

/// The way of nearly every call. It calls nothing, so that it saves no register, and does either everything or,
/// with `None`, nothing.
#[inline(always)]
fn record_at_home(counter: Option<&Site>, histogram: Option<&Site>, start: u64, by: u64) -> Option<()> {
    let home = cells::home();
    let count = match counter {
        Some(counter) => Some(counter.slot_at_home(home)?),
        None => None,
    };
    if let Some(histogram) = histogram {
        histogram.observe_since_at_home(home, start)?;
    }
    if let Some(count) = count {
        count.add(by);
    }
    Some(())
}

#[inline(never)]
fn record_anywhere(counter: Option<&Site>, histogram: Option<&Site>, start: u64, by: u64) {
    if let Some(histogram) = histogram {
        histogram.histogram_series().observe_since(start);
    }
    if let Some(counter) = counter {
        counter.add(by);
    }
}

/// What a call writes to when a label value is known only at run time.
#[derive(Clone, Copy, Debug)]
pub struct CallSeries {
    /// The counter; `None` also when its labels could not be had.
    pub counter: Option<CounterSeries>,
    /// Which calls it counts.
    pub on: On,
    /// The histogram.
    pub histogram: Option<HistogramSeries>,
    /// The gauge.
    pub gauge: Option<GaugeSeries>,
}

impl Target for CallSeries {
    fn enter(self) {
        if let Some(gauge) = self.gauge {
            gauge.inc();
        }
    }

    fn leave(self) {
        if let Some(gauge) = self.gauge {
            gauge.dec();
        }
    }

    fn record(self, start: u64, outcome: Outcome, by: u64) {
        if let Some(histogram) = self.histogram {
            histogram.observe_since(start);
        }
        if let Some(counter) = self.counter
            && self.on.counts(outcome)
        {
            counter.add(by);
        }
    }
}

/// A call whose future has not been polled can be set aside: until it goes on, it counts as nothing.
pub trait Pause {
    /// Sets the call aside.
    fn pause(&mut self);
    /// The call goes on.
    fn resume(&mut self);
}

/// A call in progress. Dropped unfinished, it is a panic or a cancellation.
#[derive(Debug)]
pub struct Call<T: Target> {
    target: T,
    by: u64,
    start: u64,
    running: bool,
    /// What it means when the call is dropped unfinished and nothing panics.
    dropped: Outcome,
}

impl<T: Target> Call<T> {
    /// The body begins.
    #[inline]
    pub fn start(target: T, by: u64) -> Self {
        target.enter();
        let start = if T::TIMED { clock::ticks() } else { 0 };
        Call { target, by, start, running: true, dropped: Outcome::Cancelled }
    }

    /// Of a synchronous body whose every value is a success: it cannot be cancelled, so dropped is returned.
    #[inline]
    pub fn until_return(mut self) -> Self {
        self.dropped = Outcome::Success;
        self
    }

    /// The body has returned.
    #[inline]
    pub fn finish(self, verdict: impl Into<Verdict>) {
        let Call { target, by, start, .. } = self;
        // Nothing is left to drop: so the call need not be in memory, and no drop asks whether it is over.
        std::mem::forget(self);
        target.leave();
        match verdict.into() {
            Verdict::Open(outcome) if T::JUDGED => leave_open(target, by, start, outcome),
            verdict => target.record(start, verdict.alone(), by),
        }
    }
}

/// Leaves a call to the answer of its request; where that is not seen, it ended with this outcome.
#[cold]
fn leave_open<T: Target>(target: T, by: u64, start: u64, alone: Outcome) {
    let took = clock::ticks().wrapping_sub(start);
    let record = move |outcome| target.record(clock::ticks().wrapping_sub(took), outcome, by);
    leave_to_answer(alone, record);
}

/// Does what is to be done when it is known how a call ended: at once, or when its request is answered.
fn leave_to_answer(alone: Outcome, end: impl FnOnce(Outcome) + Send + 'static) {
    let left = LeftCall { alone, end: Some(end) };
    match scope::request_end() {
        None => left.end(alone),
        Some(request) => {
            if let Err(left) = request.open.leave(Box::new(left)) {
                left.end(alone);
            }
        }
    }
}

/// A call that has returned, and whose outcome its request's answer tells. Dropped, there is none: it was cancelled.
struct LeftCall<F: FnOnce(Outcome)> {
    alone: Outcome,
    end: Option<F>,
}

impl<F: FnOnce(Outcome)> LeftCall<F> {
    fn end(mut self, outcome: Outcome) {
        if let Some(end) = self.end.take() {
            end(outcome);
        }
    }
}

impl<F: FnOnce(Outcome) + Send> OpenCall for LeftCall<F> {
    fn answered(self: Box<Self>, outcome: Outcome) -> Option<Settles> {
        let outcome = Verdict::Open(self.alone).answered(outcome);
        self.end(outcome);
        None
    }
}

impl<F: FnOnce(Outcome)> Drop for LeftCall<F> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end(Outcome::of_drop(Outcome::Cancelled));
        }
    }
}

impl<T: Target> Pause for Call<T> {
    fn pause(&mut self) {
        self.running = false;
        self.target.leave();
    }

    fn resume(&mut self) {
        self.running = true;
        self.target.enter();
    }
}

impl<T: Target> Drop for Call<T> {
    #[inline]
    fn drop(&mut self) {
        if self.running {
            let outcome = if T::JUDGED { Outcome::of_drop(self.dropped) } else { self.dropped };
            self.target.leave();
            self.target.record(self.start, outcome, self.by);
        }
    }
}

impl CallSeries {
    /// What is left when a label could not be had.
    pub const NOTHING: CallSeries = CallSeries { counter: None, on: On::Any, histogram: None, gauge: None };
}

/// What is known of a call whose labels wait for its result.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// How it ended, as far as its value says it.
    pub outcome: Outcome,
    /// Whether its request's answer says more.
    open: bool,
    /// The amount that its counter counts.
    pub by: u64,
    start: u64,
}

impl Ended {
    /// Counts the call, if it is of those that the counter counts, in the series of its outcome.
    pub fn count(&self, on: On, series: impl Fn(Outcome) -> CounterSeries) {
        let by = self.by;
        self.in_series(|outcome| on.counts(outcome), series, move |series| series.add(by));
    }

    /// Observes how long the call took, in the series of its outcome.
    pub fn observe(&self, series: impl Fn(Outcome) -> HistogramSeries) {
        let took = clock::ticks().wrapping_sub(self.start);
        let observe = move |series: HistogramSeries| {
            series.observe_since(clock::ticks().wrapping_sub(took));
        };
        self.in_series(|_| true, series, observe);
    }

    /// Writes to the series of the outcome. While that is open, labels are there to be read, and later they are not: so the
    /// series of all outcomes are found now.
    fn in_series<S: Copy + Send + 'static>(
        &self,
        counts: impl Fn(Outcome) -> bool,
        series: impl Fn(Outcome) -> S,
        write: impl FnOnce(S) + Send + 'static,
    ) {
        let series = |outcome| if counts(outcome) { label(|| series(outcome)) } else { None };
        if self.open && scope::request_end().is_some() {
            let all = Outcome::ALL.map(series);
            return leave_to_answer(self.outcome, move |outcome| {
                if let Some(series) = all[outcome as usize] {
                    write(series);
                }
            });
        }
        if let Some(series) = series(self.outcome) {
            write(series);
        }
    }
}

/// A call in progress whose labels are taken from its result. `kept` are the label values that were there before.
pub struct ResultCall<K> {
    kept: Option<K>,
    /// Records a call that has no result: it panicked or was dropped.
    without: fn(K, Ended),
    by: u64,
    start: u64,
    running: bool,
}

impl<K> std::fmt::Debug for ResultCall<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResultCall").field("by", &self.by).finish_non_exhaustive()
    }
}

impl<K> ResultCall<K> {
    /// The body begins.
    pub fn start(kept: Option<K>, by: u64, without: fn(K, Ended)) -> Self {
        ResultCall { kept, without, by, start: clock::ticks(), running: true }
    }

    /// The body has returned; `with` records it.
    pub fn finish(mut self, verdict: impl Into<Verdict>, with: impl FnOnce(K, Ended)) {
        self.running = false;
        if let Some(kept) = self.kept.take() {
            let verdict = verdict.into();
            let open = matches!(verdict, Verdict::Open(_));
            with(kept, Ended { outcome: verdict.alone(), open, by: self.by, start: self.start });
        }
    }
}

impl<K> Pause for ResultCall<K> {
    fn pause(&mut self) {
        self.running = false;
    }

    fn resume(&mut self) {
        self.running = true;
    }
}

impl<K> Drop for ResultCall<K> {
    fn drop(&mut self) {
        if self.running
            && let Some(kept) = self.kept.take()
        {
            let outcome = Outcome::of_drop(Outcome::Cancelled);
            (self.without)(kept, Ended { outcome, open: false, by: self.by, start: self.start });
        }
    }
}

/// Counts a synchronous call whose every value is a success, when its body returns.
#[derive(Debug)]
pub struct UntilReturn<C: Count> {
    counter: C,
    by: u64,
}

impl<C: Count> UntilReturn<C> {
    /// The body begins.
    #[inline]
    pub const fn new(counter: C, by: u64) -> Self {
        UntilReturn { counter, by }
    }
}

impl<C: Count> Drop for UntilReturn<C> {
    #[inline]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.counter.count(self.by);
        }
    }
}

/// Counts a call whatever becomes of it, when it is over.
#[derive(Debug)]
pub struct AtEnd<C: Count> {
    counter: C,
    by: u64,
}

impl<C: Count> AtEnd<C> {
    /// The body begins.
    #[inline]
    pub const fn new(counter: C, by: u64) -> Self {
        AtEnd { counter, by }
    }
}

impl<C: Count> Drop for AtEnd<C> {
    #[inline]
    fn drop(&mut self) {
        self.counter.count(self.by);
    }
}

/// Counts a call that succeeded.
#[inline]
pub(crate) fn count_success(counter: impl Count, by: u64, verdict: Verdict) {
    match verdict {
        Verdict::Ended(Outcome::Success) | Verdict::Answer(Outcome::Success) => counter.count(by),
        Verdict::Open(alone) => count_if_answered(counter, by, alone),
        _ => {}
    }
}

#[cold]
fn count_if_answered(counter: impl Count, by: u64, alone: Outcome) {
    leave_to_answer(alone, move |outcome| {
        if outcome == Outcome::Success {
            counter.count(by);
        }
    });
}

/// What counts: a call site, or a series found at run time, if it could be had.
pub trait Count: Copy + Send + 'static {
    /// Adds `by`.
    fn count(&self, by: u64);
}

impl Count for &'static Site {
    #[inline]
    fn count(&self, by: u64) {
        self.add(by);
    }
}

impl Count for Option<CounterSeries> {
    #[inline]
    fn count(&self, by: u64) {
        if let Some(series) = self {
            series.add(by);
        }
    }
}
