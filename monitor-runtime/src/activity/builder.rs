//! How an [`Activity`] is made: its settings, and which of them are refused.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use prometheus::Registry;

use super::events::Events;
use super::families::Families;
use super::file::StateFile;
use super::hash::Key;
use super::inner::{Clock, Inner, ORIGIN, PRECISION};
use super::sessions::Sessions;
use super::windows::Windows;
use super::{Activity, computed, state};
#[cfg(feature = "redis")]
use super::{redis, reporter};
use crate::metrics::RegisterError;

/// Settings of an [`Activity`].
///
/// ```
/// use std::time::Duration;
/// use monitor_runtime::{activity::Activity, prometheus::Registry, sample_value_in};
///
/// let registry = Registry::new();
/// let activity = Activity::builder()
///     .registry(&registry)
///     .timeframes([Duration::from_secs(90), Duration::from_secs(7 * 86_400)])
///     .build()?;
/// activity.seen("ada");
/// assert_eq!(sample_value_in(&registry, "active_users", &[("timeframe", "90s")]), Some(1.0));
/// assert_eq!(sample_value_in(&registry, "active_users", &[("timeframe", "7d")]), Some(1.0));
/// # Ok::<(), monitor_runtime::activity::BuildError>(())
/// ```
#[must_use = "nothing is made before `build`"]
pub struct Builder {
    registry: Option<Registry>,
    timeframes: Vec<Duration>,
    exact_up_to: usize,
    session_lifetime: Duration,
    key: Option<Key>,
    file: Option<PathBuf>,
    #[cfg(feature = "redis")]
    store: Option<redis::Settings>,
    clock: Clock,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Sessions that are known one by one.
const SESSIONS: usize = 100_000;

impl Default for Builder {
    fn default() -> Self {
        Builder {
            registry: None,
            timeframes: [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, DAY].map(Duration::from_secs).to_vec(),
            exact_up_to: 100_000,
            session_lifetime: Duration::from_secs(DAY),
            key: None,
            file: None,
            #[cfg(feature = "redis")]
            store: None,
            clock: Clock::Process,
        }
    }
}

impl Builder {
    /// The registry where the families stand: the default one unless set.
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = Some(registry.clone());
        self
    }

    /// The windows, in whole seconds up to 31 days, at most 16 of them: 1m, 5m, 15m, 1h and 1d unless set.
    pub fn timeframes(mut self, timeframes: impl IntoIterator<Item = Duration>) -> Self {
        self.timeframes = timeframes.into_iter().collect();
        self
    }

    /// So many users within the widest window are counted exactly, at 16 bytes a user, before the sketch takes over:
    /// 100,000 unless set. Users who left the window are noticed each time that a sixteenth more have come.
    pub fn exact_up_to(mut self, users: usize) -> Self {
        self.exact_up_to = users;
        self
    }

    /// After so long without a sign of it a session is over: a day unless set. As long as the sessions' cookies live.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.session_lifetime = lifetime;
        self
    }

    /// The key that ids are hashed with: one made by chance unless set.
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Where the windows and the open sessions are kept across a restart: read when it is built, written every minute and
    /// by [`Activity::save`]. It needs a [`key`](Self::key).
    ///
    /// One that is damaged, or was made under another key, is reported (an event of `tracing`, and
    /// `monitor_instrumentation_errors_total{kind="activity_not_restored"}`) and otherwise ignored.
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// The Redis at `url`, such as `redis://:password@host:6379/`, which all instances of a service tell whom they saw,
    /// and which all of them export the numbers of. Those with one `namespace` and one [`key`](Self::key), which it needs,
    /// count together.
    ///
    /// It is told and asked every two seconds by a thread; no request and no scrape waits for it. While it is away the
    /// process's own windows are exported, and `active_users_scope` says so; when it is back it is told what it missed, and,
    /// had it lost everything, what this process knows as long as that is exact. Its windows begin up to nine seconds
    /// early, those above five minutes up to a minute.
    #[cfg(feature = "redis")]
    pub fn redis(mut self, url: impl Into<String>, namespace: impl Into<String>) -> Self {
        self.store = Some(redis::Settings { url: url.into(), namespace: namespace.into() });
        self
    }

    /// What tells the time since any moment: a monotonic clock of the process unless set. When it goes back, time
    /// stands still until it has caught up.
    pub fn clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Clock::Given(Box::new(clock));
        self
    }

    /// Makes it, and puts its families in the registry.
    ///
    /// # Errors
    /// When a setting is out of its range, or the registry holds other families of these names.
    pub fn build(self) -> Result<Activity, BuildError> {
        let registry = self.registry.clone();
        self.build_in(registry.as_ref().unwrap_or(prometheus::default_registry()))
    }

    /// Makes it, on no page.
    pub(super) fn on_no_page(self) -> Activity {
        self.build_in(&Registry::new()).expect("in a registry that is empty nothing is taken")
    }

    fn build_in(mut self, registry: &Registry) -> Result<Activity, BuildError> {
        self.timeframes.sort();
        self.timeframes.dedup();
        let is_fit =
            |timeframe: &Duration| (1..=31 * DAY).contains(&timeframe.as_secs()) && timeframe.subsec_nanos() == 0;
        if let Some(wrong) = self.timeframes.iter().find(|timeframe| !is_fit(timeframe)) {
            return Err(BuildError::Timeframe(*wrong));
        }
        let widest = match self.timeframes.last() {
            Some(widest) if self.timeframes.len() <= 16 => widest.as_secs() as u32,
            _ => return Err(BuildError::Timeframes(self.timeframes.len())),
        };
        if !(1..=MOST_EXACT).contains(&self.exact_up_to) {
            return Err(BuildError::ExactUpTo(self.exact_up_to));
        }
        #[cfg(feature = "redis")]
        let is_shared = self.store.is_some();
        #[cfg(not(feature = "redis"))]
        let is_shared = false;
        if (self.file.is_some() || is_shared) && self.key.is_none() {
            return Err(BuildError::KeyMissing);
        }
        #[cfg(feature = "redis")]
        let (store, queue) = match &self.store {
            Some(settings) => {
                let (store, queue) = redis::Store::new(settings).map_err(|_| BuildError::StoreAddress)?;
                (Some(store), Some((settings, queue)))
            }
            None => (None, None),
        };
        let inner = Arc::new(Inner {
            key: self.key.unwrap_or_else(Key::random),
            clock: self.clock,
            latest: AtomicU32::new(ORIGIN),
            known_since: AtomicU32::new(ORIGIN),
            timeframes: self.timeframes,
            users: Windows::new(self.exact_up_to, PRECISION, widest),
            events: Events::new(widest),
            sessions: Sessions::new(SESSIONS, u32::try_from(self.session_lifetime.as_secs()).unwrap_or(u32::MAX)),
            file: self.file.map(StateFile::new),
            #[cfg(feature = "redis")]
            store,
            families: Families::new(registry).map_err(BuildError::Family)?,
        });
        inner.known_since.store(inner.now(), Relaxed);
        state::restore(&inner);
        computed::register(registry, &inner).map_err(|error| BuildError::Taken(error.to_string()))?;
        if inner.file.is_some() {
            state::keep_saving(Arc::downgrade(&inner)).map_err(|error| BuildError::Thread(error.to_string()))?;
        }
        #[cfg(feature = "redis")]
        if let Some((settings, queue)) = queue {
            reporter::start(&inner, settings, queue).map_err(|error| BuildError::Thread(error.to_string()))?;
        }
        Ok(Activity { inner })
    }
}

impl Activity {
    /// With settings of one's own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// On no page where there is no room for it on the default one.
    pub(super) fn by_default() -> Activity {
        Activity::builder().build().unwrap_or_else(|error| {
            crate::health::trouble(crate::health::Trouble::FamilyNotRegistered);
            tracing::error!(%error, "active users are on no page of metrics");
            Builder::default().on_no_page()
        })
    }
}

/// Users that a table may be made for: 1.6 GB.
const MOST_EXACT: usize = 100_000_000;

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("timeframes", &self.timeframes)
            .field("exact_up_to", &self.exact_up_to)
            .field("session_lifetime", &self.session_lifetime)
            .finish_non_exhaustive()
    }
}

/// Why an [`Activity`] cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A timeframe is not a whole number of seconds from 1 second to 31 days.
    Timeframe(Duration),
    /// There are no timeframes, or more than 16.
    Timeframes(usize),
    /// The limit of the exact table is not from 1 to 100 million users.
    ExactUpTo(usize),
    /// What is saved or shared is of use under a key of the application only, and none is set.
    KeyMissing,
    /// The address of the store is none.
    StoreAddress,
    /// The thread that saves, or tells the store, cannot be started.
    Thread(String),
    /// The registry holds another family of a name.
    Family(RegisterError),
    /// The registry holds a collector of another library, or another [`Activity`], with a name.
    Taken(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Timeframe(timeframe) => {
                write!(f, "a timeframe is a whole number of seconds from 1 to 31 days, not {timeframe:?}")
            }
            BuildError::Timeframes(count) => write!(f, "there are from 1 to 16 timeframes, not {count}"),
            BuildError::ExactUpTo(users) => {
                write!(f, "users are counted exactly up to a number from 1 to {MOST_EXACT}, not {users}")
            }
            BuildError::KeyMissing => f.write_str("windows that are saved or shared need a key; set one with `key`"),
            BuildError::StoreAddress => f.write_str("the address of the store is not like redis://host:6379/"),
            BuildError::Thread(reason) => write!(f, "the thread of active users cannot be started: {reason}"),
            BuildError::Family(error) => error.fmt(f),
            BuildError::Taken(reason) => write!(f, "the registry does not take the families of active users: {reason}"),
        }
    }
}

impl std::error::Error for BuildError {}
