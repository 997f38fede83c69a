//! Who is here: sessions, active users, and what users do.
//!
//! An application says what happened, in one call, and the rest follows:
//!
//! ```
//! use monitor_runtime::{activity, sample_value, track_event};
//!
//! activity::signed_in("ada", "password"); // once a sign-in
//! activity::seen("ada"); // once a request, unless the middleware does it
//! track_event!("purchase", "ada");
//!
//! assert_eq!(sample_value("user_sessions_total", &[("auth_method", "password")]), Some(1.0));
//! assert_eq!(sample_value("active_users", &[("timeframe", "1m")]), Some(1.0));
//! assert_eq!(sample_value("user_event_users", &[("event", "purchase"), ("timeframe", "1d")]), Some(1.0));
//! ```
//!
//! # Signals
//! | signal | what it does |
//! |---|---|
//! | [`signed_in`] | counts a session in `user_sessions_total{auth_method}`; the user is seen |
//! | [`signed_out`] | counts in `user_sign_outs_total`; the user is seen once more, and no window forgets it sooner |
//! | [`sign_in_failed`] | counts in `user_sign_in_failures_total{auth_method}` |
//! | [`session_opened`], [`session_closed`], [`session_seen`] | keep `user_sessions_open`, `user_session_seconds` and `user_sessions_ended_total{reason}` |
//! | [`seen`] | the user is active now |
//! | [`track_event!`](crate::track_event) | counts in `user_events_total{event}`, and its user in `user_event_users{event,timeframe}` |
//!
//! An id is anything with bytes, of any length, UTF-8 or not; the empty one stands for nobody and is not counted as a
//! user. Ids are hashed under a key at once and never kept, shown or sent. Only ids of users who have been authenticated
//! belong here: who can choose ids freely can make as many users as they like, and who reads the number after each can
//! pick those that a sketch does not notice (Reviriego and Ting 2020; Paterson and Raynal 2022), whatever the hash.
//!
//! A function that `#[instrument(counter = USER_SESSIONS, auth_method = "password")]` counts by itself calls [`seen`] and
//! [`session_opened`] instead of [`signed_in`], which would count the session twice; the middleware `TrackSessions` sees by
//! itself that a request has counted its session. [`struct@USER_SESSIONS`] is that family;
//! where the application declares a `user_sessions_total` with the label `auth_method` itself, that one is meant.
//!
//! # Windows
//! `active_users{timeframe}` are the distinct users seen in the last minute, five minutes, quarter of an hour, hour and
//! day, or in the timeframes that [`Builder::timeframes`] names. They end when they are scraped: 61 seconds after the last
//! user was seen, the first one reads 0. One second per user, the last it was seen, answers all of them.
//!
//! Up to 100,000 users within the widest window ([`Builder::exact_up_to`]) they are exact, but for users who share a hash:
//! of 100,000 users, two do with a chance of 4 %. Beyond, a HyperLogLog whose registers remember when takes over: of
//! 1.5 MiB whatever the number of users, with a standard error of 0.81 %. They are exact again one widest window after a
//! scrape found half the limit, unless there were more than the limit in between, or another's sketch was merged.
//! `active_users_structure` and `active_users_relative_error` tell which. For `user_event_users` each of the first 50 events
//! has windows of its own, exact to 10,000 users and then within 1.6 % in 0.4 MiB; later events share theirs as
//! `_overflow`.
//!
//! A process that started an hour ago knows nothing of the day: `active_users_history_seconds` says how far back it
//! does. [`Builder::state_file`] keeps the windows across a restart.
//!
//! # Several instances: why `sum(active_users)` lies
//! A user whose requests reach two instances is active on both: the sum counts it twice, the maximum misses those who
//! reached the other instance only, and no arithmetic on the two numbers gives the right one. Either
//!
//! - the instances share a Redis (feature `redis`, `Builder::redis`): each tells it whom it saw, and all export the one
//!   number of the cluster, which is read every two seconds and never waited for; or
//! - they exchange their sketches: [`Activity::sketch`] gives one as bytes, [`Activity::merge`] takes the later of each
//!   cell. Both need [`Builder::key`], so that a user has one hash everywhere.
//!
//! `active_users_scope{scope="cluster"}` is 1 while the number is that of the cluster. Then all instances export the same
//! number, so what a rule takes is `max without (instance) (active_users)`. While the store is away each exports its own
//! process's windows, and the scope says so.
//!
//! # Sources
//! Flajolet, Fusy, Gandouet, Meunier: HyperLogLog, 2007. Heule, Nunkesser, Hall: HyperLogLog in practice, 2013. Chabchoub,
//! Hébrail: Sliding HyperLogLog, 2010. Ertl: New cardinality estimation algorithms for HyperLogLog sketches, 2017.
//! Aumasson, Bernstein: SipHash, 2012. Reviriego, Ting: Security of HyperLogLog cardinality estimation, 2020. Paterson,
//! Raynal: HyperLogLog: exponentially bad in adversarial settings, 2022.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

mod builder;
mod computed;
mod events;
mod families;
mod file;
mod hash;
mod inner;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod reporter;
mod sessions;
mod sketch;
mod state;
mod sync;
mod table;
mod windows;

pub use builder::{BuildError, Builder};
pub use events::{event_name, track_event};
pub use families::{
    USER_EVENTS, USER_SESSION_SECONDS, USER_SESSIONS, USER_SESSIONS_ENDED, USER_SIGN_IN_FAILURES, USER_SIGN_OUTS,
};
pub use file::StateError;
pub use hash::Key;
pub use inner::{Scope, Snapshot};
pub use windows::Structure;

use crate::clock;
use families::CLOSED;
use inner::Inner;
use sessions::{Closed, Session};

/// A user has signed in, by `method`; see [`Activity::signed_in`].
pub fn signed_in(user: impl AsRef<[u8]>, method: &'static str) {
    global().signed_in(user, method);
}

/// A user has signed out; see [`Activity::signed_out`].
pub fn signed_out(user: impl AsRef<[u8]>) {
    global().signed_out(user);
}

/// Somebody tried to sign in, by `method`, and was not let in; see [`Activity::sign_in_failed`].
pub fn sign_in_failed(method: &'static str) {
    global().sign_in_failed(method);
}

/// A session begins; see [`Activity::session_opened`].
pub fn session_opened(session: impl AsRef<[u8]>) {
    global().session_opened(session);
}

/// A session is still in use; see [`Activity::session_seen`].
pub fn session_seen(session: impl AsRef<[u8]>) {
    global().session_seen(session);
}

/// A session ends; see [`Activity::session_closed`].
pub fn session_closed(session: impl AsRef<[u8]>) {
    global().session_closed(session);
}

/// A user is active; see [`Activity::seen`].
#[inline]
pub fn seen(user: impl AsRef<[u8]>) {
    global().seen(user);
}

/// What the functions of this module tell; on the default registry unless [`install`] was called before.
///
/// Asked for at the start of a program, it puts its families on the page before anybody comes.
pub fn global() -> &'static Activity {
    match GLOBAL.get() {
        Some(activity) => activity,
        None => GLOBAL.get_or_init(Activity::by_default),
    }
}

/// Makes `activity` what the functions of this module tell.
///
/// # Errors
/// When one is there already: one was installed, or something was told before. `activity` is given back.
pub fn install(activity: Activity) -> Result<(), Activity> {
    GLOBAL.set(activity)
}

static GLOBAL: OnceLock<Activity> = OnceLock::new();

/// Who is here: the signals, and what is known from them. A clone is the same one.
#[derive(Clone)]
pub struct Activity {
    inner: Arc<Inner>,
}

impl Activity {
    /// A user has signed in, by `method`, such as `"password"` or `"token"`: counts a session, and the user is seen.
    ///
    /// In a function whose attribute counts [`struct@USER_SESSIONS`], call [`seen`](Self::seen) instead. `TrackSessions` does
    /// not count what was counted so within its request.
    pub fn signed_in(&self, user: impl AsRef<[u8]>, method: &'static str) {
        self.inner.families.sessions.with(USER_SESSIONS { auth_method: method }).inc();
        self.seen(user);
    }

    /// A user has signed out. It was here, so it is seen; the windows forget it when its time has come.
    pub fn signed_out(&self, user: impl AsRef<[u8]>) {
        self.inner.families.sign_outs.inc();
        self.seen(user);
    }

    /// Somebody tried to sign in, by `method`, and was not let in. Who it was is not asked: nobody is authenticated yet.
    pub fn sign_in_failed(&self, method: &'static str) {
        self.inner.families.failures.with(USER_SIGN_IN_FAILURES { auth_method: method }).inc();
    }

    /// A session begins. `session` is what names it until it is closed, such as its token; it is hashed and not kept.
    ///
    /// One that is open already stays as it is. A session is over when it is closed, or when nothing was seen of it for
    /// [`Builder::session_lifetime`]. Beyond 100,000 open at a time they are counted without being known, so their length
    /// is not recorded, and only [`session_closed`](Self::session_closed) ends them.
    pub fn session_opened(&self, session: impl AsRef<[u8]>) {
        let now = self.inner.now();
        self.inner.sessions.open(self.inner.key.tag(session.as_ref()), Session { opened: now, seen: now });
    }

    /// A session is still in use, so it does not expire yet.
    pub fn session_seen(&self, session: impl AsRef<[u8]>) {
        self.inner.sessions.see(self.inner.key.tag(session.as_ref()), self.inner.now());
    }

    /// A session that was opened so many seconds ago, maybe in another process, is in use.
    #[cfg(feature = "actix-session")]
    pub(crate) fn session_continues(&self, session: impl AsRef<[u8]>, age: u64) {
        let now = self.inner.now();
        let opened = now.saturating_sub(u32::try_from(age).unwrap_or(u32::MAX));
        self.inner.sessions.open(self.inner.key.tag(session.as_ref()), Session { opened, seen: now });
    }

    /// The sessions that this thread has counted, by whatever way, to be subtracted from what it has later.
    #[cfg(feature = "actix-session")]
    pub(crate) fn sessions_counted_here(&self) -> u64 {
        self.inner.families.sessions.here_in_all()
    }

    /// A session ends, and its length is recorded. One that is not open is ignored.
    pub fn session_closed(&self, session: impl AsRef<[u8]>) {
        let families = &self.inner.families;
        let closed = self.inner.sessions.close(self.inner.key.tag(session.as_ref()), self.inner.now());
        if let Closed::After(seconds) = closed {
            families.lengths.observe(f64::from(seconds));
        }
        if closed != Closed::No {
            families.ended.with(USER_SESSIONS_ENDED { reason: CLOSED }).inc();
        }
    }

    /// A user is active. An empty id is nobody.
    #[inline]
    pub fn seen(&self, user: impl AsRef<[u8]>) {
        self.inner.see_user(user.as_ref());
    }

    /// Something that users do has happened; `event` names it, by itself or through [`event_name`].
    pub fn event(&self, event: &'static str) {
        self.inner.families.events.with(USER_EVENTS { event }).inc();
    }

    /// Something has happened, and `user` did it, which therefore is active.
    pub fn event_by(&self, event: &'static str, user: impl AsRef<[u8]>) {
        let user = user.as_ref();
        self.inner.families.events.with(USER_EVENTS { event }).inc();
        if !user.is_empty() {
            let (tag, now) = (self.inner.key.tag(user), self.inner.now());
            self.inner.see_event(event, tag, now);
            self.inner.see(tag, now);
        }
    }

    /// What is known now: what a scrape sees.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }

    /// Distinct users seen in one of the timeframes; `None` for another one.
    #[must_use]
    pub fn active_users(&self, timeframe: Duration) -> Option<u64> {
        let at = self.inner.timeframes.iter().position(|known| *known == timeframe)?;
        self.snapshot().users.get(at).copied()
    }

    /// What is known of users, for another process to [`merge`](Self::merge): their hashes and when they were seen, or
    /// the sketch. Nothing in it tells who they are.
    #[must_use]
    pub fn sketch(&self) -> Vec<u8> {
        state::encode(&self.inner, clock::unix_seconds() as u64, state::Sessions::LeftOut)
    }

    /// Takes over what another process knows: of each user, or of each cell of the sketch, the latest. Doing so twice
    /// changes nothing. How long ago that was is told by the machines' clocks.
    ///
    /// # Errors
    /// When `sketch` is no such thing, or was made under another key.
    pub fn merge(&self, sketch: &[u8]) -> Result<(), StateError> {
        state::merge(&self.inner, sketch, clock::unix_seconds() as u64, state::Sessions::LeftOut)
    }

    /// Saves what is known to the [state file](Builder::state_file), as happens every minute anyway: for the end of a
    /// program. It blocks while the disk writes.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be written.
    pub fn save(&self) -> Result<(), StateError> {
        state::save(&self.inner)
    }

    /// The bytes that the windows and sketches hold now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inner.users.bytes() + self.inner.events.bytes()
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activity").field("timeframes", &self.inner.timeframes).finish_non_exhaustive()
    }
}
