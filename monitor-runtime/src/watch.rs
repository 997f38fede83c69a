//! Watched calls: they are put before the detector of their name, and what it finds is counted, logged and told.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Once, OnceLock, PoisonError};
use std::time::Duration;
use std::{io, thread};

use crate::anomaly::saved::{self, RestoreError};
use crate::anomaly::{
    Anomaly, Endpoint, Event, Findings, Given, Kind, LimitError, Limits, Muted, Names, News, OVERFLOW, Observed, Put,
    Reason, Seen, Singles, State, StateError, Subscription, WatchError, WatchErrors, wrong_with,
};
#[cfg(feature = "toml")]
use crate::anomaly::{LimitsFileError, LimitsFileMistake, file};
use crate::builtin::{ANOMALIES, API_ERROR_RATE, API_RESPONSE_TIME_THRESHOLD, EVENTS_LOST};
use crate::call::{Call, Target};
use crate::clock;
use crate::credits::CreditsError;
use crate::health::{self, Trouble};
use crate::metrics::Computed;
#[cfg(feature = "actix")]
use crate::metrics::raise_limit;
use crate::outcome::{Outcome, ToOutcome};
use crate::place::Place;

static NAMES: LazyLock<Names> = LazyLock::new(Names::default);
static NEWS: LazyLock<News> = LazyLock::new(News::default);

inventory::submit! {
    Computed {
        families: &[ANOMALIES.family(), API_ERROR_RATE.family(), API_RESPONSE_TIME_THRESHOLD.family()],
        refresh,
    }
}

/// Brings the families up to date, for a scrape.
fn refresh() {
    prepare();
    tick();
    for endpoint in NAMES.all().iter() {
        let (error_rate, threshold) = endpoint.gauges();
        let endpoint = endpoint.name();
        API_ERROR_RATE.with(API_ERROR_RATE { endpoint }).set(error_rate);
        API_RESPONSE_TIME_THRESHOLD.with(API_RESPONSE_TIME_THRESHOLD { endpoint }).set(threshold);
    }
}

/// Lets the time that passed without calls be judged, for every endpoint. A scrape does it, and so does whoever listens
/// with [`on_event`]; without either, call it every few seconds.
pub fn tick() {
    clock::follow_wall();
    for endpoint in NAMES.all().iter() {
        publish(endpoint, endpoint.tick());
    }
    log_due(clock::unix_ms_now());
}

/// The endpoint of a name, and all that stands on the page of it.
pub(crate) fn endpoint(name: &str) -> &'static Endpoint {
    let found = NAMES.find_or_add(name);
    if found.new {
        let endpoint = found.endpoint.name();
        for reason in Reason::ALL {
            ANOMALIES.know(&ANOMALIES { endpoint, reason: reason.as_str() });
        }
        API_ERROR_RATE.know(&API_ERROR_RATE { endpoint });
        API_RESPONSE_TIME_THRESHOLD.know(&API_RESPONSE_TIME_THRESHOLD { endpoint });
    }
    found.endpoint
}

/// Lets so many endpoints be judged each by itself, and be on the page.
#[cfg(feature = "actix")]
pub(crate) fn raise_endpoints(max: u32) {
    NAMES.raise(max as usize);
    raise_limit(ANOMALIES.family(), max.saturating_mul(Reason::ALL.len() as u32), "endpoint", max);
    raise_limit(API_ERROR_RATE.family(), max, "endpoint", max);
    raise_limit(API_RESPONSE_TIME_THRESHOLD.family(), max, "endpoint", max);
}

/// Puts a call before the detector: when it began, in [`clock::ticks`], and how long it took; how much of that is its
/// latency, NaN for none; what became of it, and whether that has been told already, under another name.
#[inline]
pub(crate) fn observe(
    endpoint: &'static Endpoint,
    start: u64,
    seconds: f64,
    latency: f64,
    observed: Observed,
    told: bool,
) {
    let at = clock::unix_ms(start, seconds);
    let call = Seen { at, seconds: latency as f32, observed, told };
    match endpoint.put(call) {
        Put::Waits => {}
        put => judge(endpoint, call, put),
    }
}

#[cold]
#[inline(never)]
fn judge(endpoint: &'static Endpoint, call: Seen, mut put: Put) {
    loop {
        publish(endpoint, endpoint.judge());
        if put != Put::Full {
            return;
        }
        put = endpoint.put(call);
        if put == Put::Waits {
            return;
        }
    }
}

fn publish(endpoint: &'static Endpoint, findings: Findings) {
    let Findings { counted, told } = findings;
    for (reason, count) in Reason::ALL.into_iter().zip(counted).filter(|(_, count)| *count > 0) {
        ANOMALIES.with(ANOMALIES { endpoint: endpoint.name(), reason: reason.as_str() }).add(count);
    }
    for (verdict, calls) in told {
        let (event, lost) = NEWS.tell(endpoint.name(), verdict, calls);
        if lost > 0 {
            EVENTS_LOST.add(lost);
        }
        match event.verdict.kind {
            Kind::Single => log_single(&event),
            Kind::Started | Kind::Repeated | Kind::Ended => log(&event),
        }
    }
}

/// Logs the first of abnormal calls, and then a sum of them once a minute.
fn log_single(event: &Event) {
    if let Some(calls) = SINGLES.lock().unwrap_or_else(PoisonError::into_inner).take(event) {
        log(&Event { calls, ..*event });
    }
}

/// Logs the sums that are due.
fn log_due(now: u64) {
    let due = SINGLES.lock().unwrap_or_else(PoisonError::into_inner).due(now);
    due.iter().for_each(log);
}

static SINGLES: Mutex<Singles> = Mutex::new(Singles::NONE);

/// The event for `tracing`.
fn log(event: &Event) {
    health::caught(Trouble::LogPanicked, || say(event));
}

fn say(event: &Event) {
    let Event { endpoint, verdict, calls, .. } = *event;
    let since = verdict.since as f64 / 1e3;
    let (reason, severity) = (verdict.reason.as_str(), verdict.severity.as_str());
    macro_rules! say {
        ($level:ident, $message:literal) => {
            tracing::event!(
                target: "monitor_runtime::anomaly",
                tracing::Level::$level,
                endpoint,
                reason,
                observed = verdict.observed,
                expected = verdict.expected,
                measure = verdict.reason.measure(),
                since,
                severity,
                calls,
                $message
            )
        };
    }
    match verdict.kind {
        Kind::Single if calls > 1 => say!(WARN, "abnormal calls"),
        Kind::Single => say!(WARN, "abnormal call"),
        Kind::Started => say!(WARN, "anomaly began"),
        Kind::Repeated => say!(DEBUG, "anomaly goes on"),
        Kind::Ended => say!(INFO, "anomaly ended"),
    }
}

/// Watches, before their first call, the names that attributes give.
pub(crate) fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        for site in sites() {
            site.endpoint.get_or_init(|| site.find());
        }
    });
}

/// All places with the attribute, in an order that does not depend on the linker.
fn sites() -> Vec<&'static WatchSite> {
    let mut sites: Vec<&'static WatchSite> = inventory::iter::<WatchedSite>.into_iter().map(|site| site.0).collect();
    sites.sort_by_key(|site| (site.name, site.place.file, site.place.line, site.function));
    sites
}

fn refuse(error: WatchError) {
    let text = error.to_string();
    if NAMES.note(error) {
        health::trouble(Trouble::WatchRefused);
        tracing::error!(target: "monitor_runtime::anomaly", "{text}");
    }
}

/// The endpoint of a name used at a place, which may give limits.
fn endpoint_at(name: &str, place: Place, given: Given) -> &'static Endpoint {
    if let Some(rule) = wrong_with(name) {
        refuse(WatchError::Name { name: name.to_owned(), place, rule });
        return endpoint(OVERFLOW);
    }
    let endpoint = endpoint(name);
    // Names beyond the bound share a detector, which none of them has limits for.
    if endpoint.name() != OVERFLOW
        && let Err((there, first)) = endpoint.give_by_code(given, place)
    {
        refuse(WatchError::Conflict {
            name: name.to_owned(),
            first: (first, there.to_string()),
            second: (place, given.to_string()),
        });
    }
    endpoint
}

/// A function with the attribute.
#[derive(Debug)]
pub struct WatchSite {
    name: &'static str,
    function: &'static str,
    place: Place,
    latency_threshold: Option<f64>,
    error_threshold: Option<f64>,
    endpoint: OnceLock<&'static Endpoint>,
}

/// A function in the list of all with the attribute.
#[derive(Debug)]
pub struct WatchedSite(pub &'static WatchSite);
inventory::collect!(WatchedSite);

impl WatchSite {
    /// What the attribute says.
    pub const fn new(
        name: &'static str,
        function: &'static str,
        place: Place,
        latency_threshold: Option<f64>,
        error_threshold: Option<f64>,
    ) -> Self {
        WatchSite { name, function, place, latency_threshold, error_threshold, endpoint: OnceLock::new() }
    }

    #[inline]
    fn endpoint(&self) -> &'static Endpoint {
        match self.endpoint.get() {
            Some(endpoint) => endpoint,
            None => self.first(),
        }
    }

    #[cold]
    fn first(&self) -> &'static Endpoint {
        prepare();
        self.endpoint.get_or_init(|| self.find())
    }

    fn find(&self) -> &'static Endpoint {
        let mut given = Given::NOTHING;
        match Limits::new(self.latency_threshold, self.error_threshold) {
            Ok(limits) => given.limits = limits,
            Err(error) => refuse(WatchError::Limit { name: self.name.to_owned(), place: self.place, error }),
        }
        endpoint_at(self.name, self.place, given)
    }
}

impl Target for &'static WatchSite {
    #[inline]
    fn enter(self) {}

    #[inline]
    fn leave(self) {}

    #[inline]
    fn record(self, start: u64, outcome: Outcome, by: u64) {
        self.endpoint().record(start, outcome, by);
    }
}

thread_local! {
    /// Failures of watched calls that this thread has told.
    static FAILED: Cell<u64> = const { Cell::new(0) };
}

/// How many failures of watched calls this thread has told, to be compared with how many later.
#[cfg(feature = "actix")]
#[inline]
pub(crate) fn failures_told_here() -> u64 {
    FAILED.try_with(Cell::get).unwrap_or(0)
}

impl Target for &'static Endpoint {
    #[inline]
    fn enter(self) {}

    #[inline]
    fn leave(self) {}

    #[inline]
    fn record(self, start: u64, outcome: Outcome, _: u64) {
        let observed = match outcome {
            Outcome::Success => Observed::Success,
            Outcome::Refused => Observed::Refused,
            Outcome::Failure => Observed::Exception,
            Outcome::Panic => Observed::Panic,
            Outcome::Cancelled => Observed::Cancelled,
        };
        let seconds = clock::seconds_since(start);
        observe(self, start, seconds, seconds, observed, false);
        let reason = match observed {
            Observed::Exception => Reason::Exception,
            Observed::Panic => Reason::Panic,
            Observed::Success | Observed::Refused | Observed::ServerError | Observed::Cancelled => return,
        };
        if !self.mutes(reason) {
            let _ = FAILED.try_with(|failed| failed.set(failed.get().wrapping_add(1)));
        }
    }
}

/// A function with the attribute `#[detect_anomalies]`, and what it says.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct WatchedPlace {
    /// The name that its calls are judged under.
    pub name: &'static str,
    /// The function's own name.
    pub function: &'static str,
    /// Where it stands.
    pub place: Place,
    /// The latency threshold in seconds, if it is given.
    pub latency_threshold: Option<f64>,
    /// The error threshold, if it is given.
    pub error_threshold: Option<f64>,
}

/// The functions of this program that have the attribute, by name; known before `main`.
pub fn watched() -> Vec<WatchedPlace> {
    let place = |site: &'static WatchSite| WatchedPlace {
        name: site.name,
        function: site.function,
        place: site.place,
        latency_threshold: site.latency_threshold,
        error_threshold: site.error_threshold,
    };
    sites().into_iter().map(place).collect()
}

/// Looks whether what the code says of names and limits can be; the first call of each place does it too.
///
/// ```
/// monitor_runtime::anomaly::check().expect("one name, one set of limits");
/// ```
///
/// # Errors
/// Everything that was found so far: two places that give one name different limits, limits out of their range, names
/// that cannot be. Each is also logged and counted, in `monitor_instrumentation_errors_total`, when it is found.
pub fn check() -> Result<(), WatchErrors> {
    prepare();
    let wrong = NAMES.wrong();
    if wrong.is_empty() { Ok(()) } else { Err(WatchErrors(wrong)) }
}

/// How each endpoint is now, by name.
pub fn endpoints() -> Vec<State> {
    NAMES.all().iter().map(|endpoint| endpoint.state()).collect()
}

/// What was found of late, the latest first; at most 256.
pub fn recent() -> Vec<Anomaly> {
    NEWS.recent()
}

/// The events from now on. `capacity` of them wait to be taken, at most 65,536; what comes when they are that many is
/// lost to this subscription, which [knows](Subscription::lost) how many, and counted in
/// `monitor_anomaly_events_lost_total`. Nothing ever waits for it.
pub fn subscribe(capacity: usize) -> Subscription {
    NEWS.subscribe(capacity)
}

/// Calls `told` with each event, on a thread of its own, which also sees to it that time passes for endpoints without
/// calls. As many as `capacity` wait; see [`subscribe`]. A panic of `told` is caught, and it is called again.
///
/// # Errors
/// When there can be no thread.
pub fn on_event(capacity: usize, mut told: impl FnMut(Event) + Send + 'static) -> io::Result<CallbackGuard> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let subscription = subscribe(capacity);
    let over = Arc::<AtomicBool>::default();
    let guard = CallbackGuard { over: Arc::clone(&over) };
    thread::Builder::new().name("monitor-anomaly".to_owned()).spawn(move || {
        while !over.load(Ordering::Relaxed) {
            match subscription.next_within(PATIENCE) {
                Some(event) => drop(health::caught(Trouble::EventCallbackPanicked, || told(event))),
                None => tick(),
            }
        }
    })?;
    Ok(guard)
}

/// Ends the calls of [`on_event`] when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the calls"]
pub struct CallbackGuard {
    over: Arc<AtomicBool>,
}

impl CallbackGuard {
    /// Calls as long as the process lives.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for CallbackGuard {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Writes to `path` what was learned of every endpoint, for [`restore`]: as a whole or not at all. Call it when the
/// server stops, and now and then.
///
/// # Errors
/// Those of the file system; what was there before is there then.
pub fn save(path: impl AsRef<Path>) -> io::Result<()> {
    let learned: Vec<(&str, Vec<u8>)> =
        NAMES.all().iter().map(|endpoint| (endpoint.name(), endpoint.learned())).collect();
    saved::write(path.as_ref(), &learned)
}

/// Takes from `path` what [`save`] wrote, in place of what was learned meanwhile; an endpoint that had no call yet takes
/// it at its first. No file is nothing learned. It says how many endpoints took theirs; one whose detector has changed
/// since learns anew.
///
/// # Errors
/// A file that is damaged or of another version: it is not used, and logged. The service goes on without.
pub fn restore(path: impl AsRef<Path>) -> Result<usize, RestoreError> {
    let learned = saved::read(path.as_ref()).inspect_err(|error| {
        tracing::warn!(target: "monitor_runtime::anomaly", "{error}");
    })?;
    let mut taken = 0;
    for (name, learned) in learned {
        match learn(&name, &learned) {
            Ok(()) => taken += 1,
            Err(error) => tracing::warn!(target: "monitor_runtime::anomaly", endpoint = name, "{error}"),
        }
    }
    Ok(taken)
}

/// Gives an endpoint the [state](crate::anomaly::Detector::state) of a detector that learned elsewhere, from an access log
/// say, in place of what the endpoint learned meanwhile. One that had no call yet takes it at its first.
///
/// ```
/// use monitor_runtime::anomaly::{self, Detector, Limits, Observed};
///
/// let mut detector = Detector::new(Limits::NONE);
/// let mut verdicts = Vec::new();
/// for (at_ms, seconds) in [(1_767_571_200_000, 0.031), (1_767_571_200_850, 0.027)] {
///     detector.observe(at_ms, seconds, Observed::Success, &mut verdicts);
/// }
/// anomaly::learn("/reports/{id}", &detector.state())?;
/// # Ok::<(), anomaly::StateError>(())
/// ```
///
/// # Errors
/// When the bytes are no state that this version knows. Nothing changes then.
pub fn learn(endpoint: &str, state: &[u8]) -> Result<(), StateError> {
    NAMES.learn(endpoint, state)
}

/// Takes the limits in the file at `path`, in place of those that it held when it was last read; they go before those of
/// the code. Call it at the start and whenever the file changed.
///
/// ```toml
/// [endpoint."/reports/{id}"]
/// latency_threshold = "500ms"   # or seconds: 0.5
/// error_threshold = 0.01
/// mute = ["traffic_drop"]       # neither counted nor told
/// ```
///
/// An endpoint is a route's pattern as its label reads, beginning with `/`, or a name that is watched. A route is known
/// only after its first request: [`unused_limits`] says of which routes the file speaks that had none.
///
/// # Errors
/// Everything that is wrong with the file, each with its line, key and legal range. What held before holds on.
#[cfg(feature = "toml")]
pub fn load_limits(path: impl AsRef<Path>) -> Result<(), LimitsFileError> {
    prepare();
    let text = std::fs::read_to_string(path.as_ref()).map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.as_ref().display());
        LimitsFileError(vec![LimitsFileMistake { line: 0, message }])
    })?;
    let unknown = |name: &str| {
        if name.starts_with('/') || NAMES.find(name).is_some() {
            return None;
        }
        let known: Vec<String> = NAMES.all().iter().map(|endpoint| format!("`{}`", endpoint.name())).collect();
        Some(format!("unknown endpoint `{name}`; a route begins with `/`, and watched are {}", known.join(", ")))
    };
    NAMES.give_by_file(file::parse(&text, unknown)?);
    Ok(())
}

/// The routes that the file of limits speaks of and that had no request yet: perhaps they are misspelt.
#[cfg(feature = "toml")]
pub fn unused_limits() -> Vec<String> {
    NAMES.awaited()
}

/// Says in code what is normal for an endpoint: a route's pattern as its label reads, or a name that is watched.
///
/// ```
/// use monitor_runtime::anomaly::{self, Reason};
///
/// anomaly::limits("/reports/{id}").latency_threshold(2.0).error_threshold(0.05).mute(Reason::TrafficDrop).give()?;
/// # Ok::<(), anomaly::WatchError>(())
/// ```
#[track_caller]
pub fn limits(endpoint: &str) -> LimitsOf {
    LimitsOf { name: endpoint.to_owned(), place: Place::of(Location::caller()), said: Said::default() }
}

/// What [`limits`] is about to say; [`give`](Self::give) says it.
#[derive(Debug)]
#[must_use = "call `give`"]
pub struct LimitsOf {
    name: String,
    place: Place,
    said: Said,
}

/// Limits as they were written.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    latency_threshold: Option<f64>,
    error_threshold: Option<f64>,
    muted: Muted,
}

impl Said {
    fn accept(self) -> Result<Given, LimitError> {
        Ok(Given { limits: Limits::new(self.latency_threshold, self.error_threshold)?, muted: self.muted })
    }
}

impl LimitsOf {
    /// The latency, in seconds, over which a call is abnormal: more than 0, at most a day.
    pub fn latency_threshold(mut self, seconds: f64) -> Self {
        self.said.latency_threshold = Some(seconds);
        self
    }

    /// The share of calls that may fail: more than 0, at most 1.
    pub fn error_threshold(mut self, share: f64) -> Self {
        self.said.error_threshold = Some(share);
        self
    }

    /// Neither counts nor tells what has this reason.
    pub fn mute(mut self, reason: Reason) -> Self {
        self.said.muted = self.said.muted.with(reason);
        self
    }

    /// Says it.
    ///
    /// # Errors
    /// A name or a limit that cannot be; other limits that another place gave this name. Nothing changes then, and
    /// [`check`] finds it too.
    pub fn give(self) -> Result<(), WatchError> {
        let LimitsOf { name, place, said } = self;
        let error = match (wrong_with_any(&name), said.accept()) {
            (Some(rule), _) => WatchError::Name { name, place, rule },
            (None, Err(error)) => WatchError::Limit { name, place, error },
            (None, Ok(given)) => {
                prepare();
                match endpoint(&name).give_by_code(given, place) {
                    Ok(()) => return Ok(()),
                    Err((there, first)) => WatchError::Conflict {
                        name,
                        first: (first, there.to_string()),
                        second: (place, given.to_string()),
                    },
                }
            }
        };
        refuse(error.clone());
        Err(error)
    }
}

/// [`wrong_with`], but that endpoints may have names of ours, such as `_unmatched`.
pub(crate) fn wrong_with_any(name: &str) -> Option<&'static str> {
    wrong_with(name.strip_prefix('_').unwrap_or(name))
}

/// Watches a block of code under a name: its calls are judged by the name's detector, and what is abnormal is counted in
/// `anomaly_detection_triggered_total`, logged and told. The attribute of the same name does it to a function.
///
/// ```
/// use monitor_runtime::detect_anomalies;
///
/// fn charge() -> Result<u32, std::io::Error> {
///     detect_anomalies("credit_charging").latency_threshold(0.5).error_threshold(0.01).run(|| {
///         // the work
///         Ok(3)
///     })
/// }
/// # assert_eq!(charge().unwrap(), 3);
///
/// async fn charge_later() -> Result<u32, std::io::Error> {
///     detect_anomalies("credit_charging").latency_threshold(0.5).error_threshold(0.01).watch(async { Ok(3) }).await
/// }
/// ```
///
/// All places with one name share its detector. A place that gives no limits takes those of the others; two that give
/// different ones are an error at the second, which [`anomaly::check`](crate::anomaly::check) names.
///
/// The name is looked up each time, in some tens of nanoseconds; [`Watch::ready`] does it once.
#[track_caller]
pub fn detect_anomalies(name: &str) -> Watch<'_> {
    Watch { name, place: Place::of(Location::caller()), said: Said::default() }
}

/// What [`detect_anomalies`] is about to watch.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is watched before `run`, `watch` or `start`"]
pub struct Watch<'a> {
    name: &'a str,
    place: Place,
    said: Said,
}

impl Watch<'_> {
    /// The latency, in seconds, over which a call is abnormal: more than 0, at most a day. Learned where it is not given.
    pub fn latency_threshold(mut self, seconds: f64) -> Self {
        self.said.latency_threshold = Some(seconds);
        self
    }

    /// The share of calls that may fail: more than 0, at most 1. Learned where it is not given.
    pub fn error_threshold(mut self, share: f64) -> Self {
        self.said.error_threshold = Some(share);
        self
    }

    /// The name, looked up: to be kept where many calls are made.
    pub fn ready(self) -> Watched {
        let given = self.said.accept().unwrap_or_else(|error| {
            refuse(WatchError::Limit { name: self.name.to_owned(), place: self.place, error });
            Given::NOTHING
        });
        prepare();
        Watched { endpoint: endpoint_at(self.name, self.place, given) }
    }

    /// Runs `block` and judges it: how long it took, and [how it ended](Judged).
    pub fn run<T: Judged<M>, M>(self, block: impl FnOnce() -> T) -> T {
        self.ready().run(block)
    }

    /// Judges a future, from its first poll to its end. Dropped before, it is cancelled; never polled, it is nothing.
    pub fn watch<T: Judged<M>, M>(self, future: impl Future<Output = T>) -> impl Future<Output = T> {
        self.ready().watch(future)
    }

    /// Begins a call that ends when the answer is told its outcome, or is dropped.
    pub fn start(self) -> WatchedCall {
        self.ready().start()
    }
}

/// A name that is watched, looked up.
#[derive(Clone, Copy)]
pub struct Watched {
    endpoint: &'static Endpoint,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("name", &self.endpoint.name()).finish()
    }
}

impl Watched {
    /// [`Watch::run`].
    pub fn run<T: Judged<M>, M>(self, block: impl FnOnce() -> T) -> T {
        let call = self.start();
        let value = block();
        call.finish(outcome_of(&value));
        value
    }

    /// [`Watch::watch`].
    pub async fn watch<T: Judged<M>, M>(self, future: impl Future<Output = T>) -> T {
        // Made first, so dropped last: what the future does while it is dropped is the call's.
        let call = self.start();
        let future = future;
        let value = future.await;
        call.finish(outcome_of(&value));
        value
    }

    /// [`Watch::start`].
    pub fn start(self) -> WatchedCall {
        WatchedCall { call: Call::start(self.endpoint, 1) }
    }
}

/// How a block ended, as its value says it, unless the value panics.
fn outcome_of<T: Judged<M>, M>(value: &T) -> Outcome {
    health::caught(Trouble::OutcomePanicked, || value.outcome()).unwrap_or(Outcome::Failure)
}

/// A call that is watched. Dropped before it was told its outcome, it panicked if its thread is panicking, and else it
/// was cancelled: traffic, whose latency says something only if it was too long already.
#[must_use = "dropped, it is a call that was cancelled"]
pub struct WatchedCall {
    call: Call<&'static Endpoint>,
}

impl fmt::Debug for WatchedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedCall").finish_non_exhaustive()
    }
}

impl WatchedCall {
    /// The call has ended.
    pub fn finish(self, outcome: Outcome) {
        self.call.finish(outcome);
    }
}

/// A value that says how the block that gave it ended: a `Result` by its variant, a
/// [`CreditsError`](crate::credits::CreditsError) and with feature `actix` an `actix_web::Error` by what it says; a [`ToOutcome`] by itself; numbers, texts, `()`, `Option`, `Vec` and tuples are
/// successes. `M` tells these apart and is never written.
///
/// For an error that is sometimes the caller's fault, begin with [`Watch::start`] and tell the outcome.
#[diagnostic::on_unimplemented(
    message = "it is not known of `{Self}` whether it is a success or a failure",
    label = "gives `{Self}`",
    note = "give a `Result`, implement `ToOutcome` for the type, or use `start()` and tell the outcome"
)]
pub trait Judged<M> {
    /// How the block ended.
    fn outcome(&self) -> Outcome;
}

/// Marks a [`Judged`] that says it itself.
#[derive(Debug)]
pub enum ByItself {}

/// Marks a [`Judged`] that is a success whatever it is.
#[derive(Debug)]
pub enum ByReturning {}

/// Marks a [`Judged`] that is a `Result`.
#[derive(Debug)]
pub enum ByVariant {}

impl<T: ToOutcome> Judged<ByItself> for T {
    fn outcome(&self) -> Outcome {
        ToOutcome::outcome(self)
    }
}

impl<T, E: 'static> Judged<ByVariant> for Result<T, E> {
    fn outcome(&self) -> Outcome {
        match self {
            Ok(_) => Outcome::Success,
            Err(error) => of_known_error(error).unwrap_or(Outcome::Failure),
        }
    }
}

/// The outcome of an error, where its type is generic and one of those that say it.
fn of_known_error(error: &dyn std::any::Any) -> Option<Outcome> {
    #[cfg(feature = "actix")]
    if let Some(error) = error.downcast_ref::<actix_web::Error>() {
        return Some(ToOutcome::outcome(error));
    }
    error.downcast_ref::<CreditsError>().map(ToOutcome::outcome)
}

// Not by `ToOutcome`: as an error a text is a failure.
macro_rules! successes {
    ($([$($generics:ident),*] $value:ty;)*) => {$(
        impl<$($generics),*> Judged<ByReturning> for $value {
            #[inline]
            fn outcome(&self) -> Outcome {
                Outcome::Success
            }
        }
    )*};
}
successes! {
    [] (); [] bool; [] char; [] String; [] &str;
    [] u8; [] u16; [] u32; [] u64; [] u128; [] usize; [] i8; [] i16; [] i32; [] i64; [] i128; [] isize; [] f32; [] f64;
    [T] Option<T>; [T] Vec<T>; [A, B] (A, B); [A, B, C] (A, B, C);
}
