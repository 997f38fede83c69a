//! The ledger of several processes, in PostgreSQL: how it is opened, and which step goes where. Paid calls go by the lanes,
//! all else by a pool of connections.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};

use super::answer::Answer;
use super::error::CreditsError;
use super::ledger::{
    Balance, Captured, Expired, Extended, Grant, Granted, HoldRequest, Ledger, Page, Placed, Totals, Verified, Voided,
};
use super::name::{AccountId, HoldId};
use super::process::Process;

mod batch;
mod connection;
mod lanes;
mod line;
mod rows;
mod schema;
mod step;
mod steps;

use batch::Batches;
use connection::{Connections, Session, Trouble};
use lanes::{Lanes, TRIES};
use step::{Ask, Asked, Said, Step, Waiter};
use steps::Steps;

/// Lanes of paid calls: more cost the server more and did not serve more calls.
const LANES: usize = 2;
/// How long a lane waits for an account that another session has locked, before that account steps aside.
const LOCK_PATIENCE: Duration = Duration::from_millis(100);
/// `verify` reads everything.
const PATIENCE_TO_VERIFY: Duration = Duration::from_secs(600);

/// A ledger in PostgreSQL; see the [module](super) for what a ledger does.
///
/// Any number of processes share it. Holds expire on the server's clock. A step whose connection broke is taken again by
/// its id or key, which finds out whether it had been taken.
///
/// Paid calls that come together share a transaction: those of one account wait for its row once, not each for itself.
/// Settling goes before holding, accounts take turns, and an account that another session keeps locked holds no other
/// account up. At most 16,384 holds wait, and 4,096 of one account; those beyond are `Unavailable` at once. Settling is
/// never refused for that.
///
/// A connection that leads to a server which only reads (the old primary after a failover) is closed, and the next one goes
/// where the address leads then. A URL may name several hosts; the first that writes is taken.
///
/// It keeps a thread for its connections, so that they do not depend on the runtime of whoever asks. A process that was
/// forked from the one that opened it has no such thread: there every step is `Unavailable`.
pub struct Postgres {
    steps: Arc<Steps>,
    lanes: Arc<Lanes>,
    runtime: Handle,
    patience: Duration,
    /// Each step keeps one; when all are gone, the thread ends.
    alive: mpsc::Sender<()>,
    /// The one whose thread it is.
    process: Process,
}

/// How a ledger in PostgreSQL is opened.
#[derive(Clone)]
#[must_use = "`open` connects"]
pub struct PostgresBuilder {
    url: String,
    schema: String,
    connections: usize,
    patience: Duration,
    transaction_pooling: bool,
}

/// Without the URL: its password may stand anywhere in one that is not well formed.
impl fmt::Debug for PostgresBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBuilder")
            .field("schema", &self.schema)
            .field("connections", &self.connections)
            .field("patience", &self.patience)
            .field("transaction_pooling", &self.transaction_pooling)
            .finish_non_exhaustive()
    }
}

impl PostgresBuilder {
    /// The schema of its tables: `monitor_credits`, unless written. Lower-case letters, digits and `_`.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// How many connections it has at most: 16, unless written, and 4 at least. Times the processes, it must be less than
    /// the server's `max_connections`.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(4);
        self
    }

    /// For a PgBouncer in its transaction mode, or another pooler that may give each transaction another session: nothing
    /// is set for a session, and no statement is prepared. Each step costs more.
    ///
    /// A pooler in session mode needs no such thing.
    pub fn transaction_pooling(mut self, transaction_pooling: bool) -> Self {
        self.transaction_pooling = transaction_pooling;
        self
    }

    /// How long it waits for an answer: 5 seconds, unless written.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.max(Duration::from_millis(1));
        self
    }

    /// Connects without TLS, and makes or updates the tables. It blocks meanwhile.
    ///
    /// # Errors
    /// `Unavailable`, `InvalidStore` for a URL that is none or tables of another program, `NewerSchema`.
    pub fn open(self) -> Result<Postgres, CreditsError> {
        self.open_with_tls(NoTls)
    }

    /// [`open`](Self::open) with a connector for TLS, that of `postgres-native-tls` or `tokio-postgres-rustls`, say.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_tls<T>(self, tls: T) -> Result<Postgres, CreditsError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + Sync,
        T::TlsConnect: Send + Sync,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let PostgresBuilder { url, schema, connections, patience, transaction_pooling } = self;
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if schema.is_empty() || schema.len() > 63 || !schema.chars().all(sound) || schema.starts_with(char::is_numeric)
        {
            let why = "a schema's name has lower-case letters, digits and `_`, 63 at most".to_owned();
            return Err(CreditsError::InvalidStore { why });
        }
        // The error's text may contain a password.
        let mut config: Config = url.parse().map_err(|_| CreditsError::InvalidStore {
            why: "the URL of PostgreSQL is none: write `postgres://user:password@host:port/database`".to_owned(),
        })?;
        config.application_name("monitor-credits").connect_timeout(patience).tcp_user_timeout(patience);
        // A server that only reads is none for a ledger: what it says of a balance may be of yesterday.
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        // One lane, that of crowds, that of accounts that stepped aside, and one connection for all else is the least.
        let lanes = LANES.min(connections - 3);
        let session = |own: &[(&'static str, String)]| {
            // The server gives up too, so that nobody's lock is waited for by a step that nobody waits for.
            let milliseconds = patience.as_millis().clamp(1, 600_000).to_string();
            let mut settings = vec![
                ("statement_timeout", milliseconds.clone()),
                ("idle_in_transaction_session_timeout", milliseconds),
                ("default_transaction_isolation", "read committed".to_owned()),
                ("synchronous_commit", "on".to_owned()),
            ];
            settings.extend_from_slice(own);
            Session { settings, is_shared: transaction_pooling }
        };
        let lock_timeout = |timeout: Duration| ("lock_timeout", timeout.as_millis().max(1).to_string());
        let plan = |name| (name, "off".to_owned());
        let of_lanes = session(&[
            lock_timeout(LOCK_PATIENCE.min(patience / 4)),
            // A lane's statements look rows up by their keys, whatever a planner believes of small or changed tables.
            plan("enable_seqscan"),
            plan("enable_hashjoin"),
            plan("enable_mergejoin"),
        ]);
        let of_steps = session(&[lock_timeout(patience * 3 / 4)]);
        let rest = connections - lanes - 2;
        let for_lanes = Connections::new(config.clone(), tls.clone(), &of_lanes, lanes + 2, patience)?;
        let for_steps = Connections::new(config, tls, &of_steps, rest, patience)?;
        let steps = Arc::new(Steps::new(for_steps, &schema));
        let batches = Batches::new(&schema);
        let lanes = Lanes::new(lanes, for_lanes, batches, steps.clone(), patience, transaction_pooling);
        let lanes = Arc::new(lanes);

        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CreditsError::unavailable)?;
        let (alive, mut gone) = mpsc::channel(1);
        let handle = runtime.handle().clone();
        thread::Builder::new()
            .name("credits-postgres".to_owned())
            .spawn(move || {
                // Nothing is ever sent: it ends when nobody could.
                runtime.block_on(async { while gone.recv().await.is_some() {} });
            })
            .map_err(CreditsError::unavailable)?;

        let process = Process::this();
        let postgres = Postgres { steps, lanes, runtime: handle, patience, process, alive };
        postgres.run(patience, |steps| async move { steps.migrate().await }).wait()?;
        for lane in postgres.lanes.numbers() {
            let (lanes, alive) = (postgres.lanes.clone(), postgres.alive.clone());
            postgres.runtime.spawn(async move {
                let _alive = alive;
                // One that panicked has dropped what it had, which answers it: the others must not wait for ever.
                while tokio::spawn(lanes.clone().drive(lane)).await.is_err() {}
            });
        }
        Ok(postgres)
    }
}

impl Postgres {
    /// Opens the ledger at this URL, `postgres://user:password@host:port/database`, without TLS. It blocks meanwhile.
    ///
    /// # Errors
    /// As [`PostgresBuilder::open`].
    pub fn open(url: &str) -> Result<Postgres, CreditsError> {
        Postgres::builder(url).open()
    }

    /// Opens the ledger at this URL in one's own way.
    pub fn builder(url: &str) -> PostgresBuilder {
        PostgresBuilder {
            url: url.to_owned(),
            schema: "monitor_credits".to_owned(),
            connections: 16,
            patience: Duration::from_secs(5),
            transaction_pooling: false,
        }
    }

    /// Has a step taken on the thread of the connections.
    fn run<T, F>(&self, patience: Duration, step: impl Fn(Arc<Steps>) -> F + Send + Sync + 'static) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Trouble>> + Send,
    {
        if let Err(forked) = self.process.check() {
            return Answer::now(Err(forked));
        }
        let (reply, answer) = Answer::sent();
        let (steps, alive) = (self.steps.clone(), self.alive.clone());
        self.runtime.spawn(async move {
            let _alive = alive;
            reply.send(tried(steps, patience, step).await);
        });
        answer
    }

    /// Has a step of a paid call taken by the lane of its account.
    fn lane<T: Send + 'static>(
        &self,
        account: Option<AccountId>,
        ask: Ask,
        is: impl FnOnce(Said) -> Option<T> + Send + 'static,
    ) -> Answer<T> {
        if let Err(forked) = self.process.check() {
            return Answer::now(Err(forked));
        }
        let (reply, answer) = Answer::sent();
        let waiter = Waiter::new(Instant::now() + self.patience, move |result| {
            reply.send(result.and_then(|said| is(said).ok_or_else(|| CreditsError::unavailable("an answer got lost"))));
        });
        if let Some(account) = account.or_else(|| self.lanes.account_of(ask.id())) {
            self.lanes.push(Step { asked: Asked { account, ask }, waiter });
            return answer;
        }
        // Placed by another process, or long ago: whose it is has to be asked.
        let (steps, lanes, alive, patience) =
            (self.steps.clone(), self.lanes.clone(), self.alive.clone(), self.patience);
        self.runtime.spawn(async move {
            let _alive = alive;
            let (id, mut waiter) = (ask.id(), waiter);
            match tried(steps, patience, move |steps| async move { steps.owner(id).await }).await {
                Ok(account) => lanes.push(Step { asked: Asked { account, ask }, waiter }),
                Err(error) => waiter.tell(Err(error)),
            }
        });
        answer
    }
}

/// Takes a step, again when that may help.
async fn tried<T, F>(
    steps: Arc<Steps>,
    patience: Duration,
    step: impl Fn(Arc<Steps>) -> F + Send + Sync,
) -> Result<T, CreditsError>
where
    F: Future<Output = Result<T, Trouble>> + Send,
{
    let mut last = String::new();
    let tried = async {
        let mut pause = Duration::from_millis(10);
        for tries in 1.. {
            match step(steps.clone()).await {
                Ok(value) => return Ok(value),
                Err(Trouble::Refused(error)) => return Err(error),
                Err(Trouble::Broken(why)) if tries < TRIES => {
                    steps.forget();
                    last = why;
                    if tries > 1 {
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                }
                Err(Trouble::Met(_)) if tries < TRIES => {}
                Err(Trouble::Met(why) | Trouble::Broken(why) | Trouble::Locked(why) | Trouble::Failing(why)) => {
                    return Err(CreditsError::Unavailable { why });
                }
            }
        }
        unreachable!("the last try returns")
    };
    match tokio::time::timeout(patience, tried).await {
        Ok(result) => result,
        Err(_) => {
            let last = if last.is_empty() { last } else { format!(": {last}") };
            Err(CreditsError::Unavailable { why: format!("PostgreSQL did not answer within {patience:?}{last}") })
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A forked child has no lanes, and somebody who is not there may have locked their lines.
        if self.process.is_this() {
            self.lanes.close();
        }
    }
}

impl Ledger for Postgres {
    fn grant(&self, grant: Grant) -> Answer<Granted> {
        let grant = Arc::new(grant);
        self.run(self.patience, move |steps| {
            let grant = grant.clone();
            async move { steps.grant(&grant).await }
        })
    }

    fn hold(&self, request: HoldRequest) -> Answer<Placed> {
        self.lane(Some(request.account.clone()), Ask::Hold(request), |said| match said {
            Said::Placed(placed) => Some(placed),
            _ => None,
        })
    }

    fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured> {
        self.lane(None, Ask::Capture(hold, amount), |said| match said {
            Said::Captured(captured) => Some(captured),
            _ => None,
        })
    }

    fn void(&self, hold: HoldId) -> Answer<Voided> {
        self.lane(None, Ask::Void(hold), |said| match said {
            Said::Voided(voided) => Some(voided),
            _ => None,
        })
    }

    fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended> {
        self.lane(None, Ask::Extend(hold, lifetime), |said| match said {
            Said::Extended(extended) => Some(extended),
            _ => None,
        })
    }

    fn balance(&self, account: AccountId) -> Answer<Balance> {
        self.run(self.patience, move |steps| {
            let account = account.clone();
            async move { steps.balance(&account).await }
        })
    }

    fn history(&self, account: AccountId, before: Option<i64>, limit: u32) -> Answer<Page> {
        self.run(self.patience, move |steps| {
            let account = account.clone();
            async move { steps.history(&account, before, limit).await }
        })
    }

    fn expire(&self, limit: u32) -> Answer<Expired> {
        self.run(self.patience, move |steps| async move { steps.expire(limit).await })
    }

    fn totals(&self) -> Answer<Totals> {
        self.run(self.patience, |steps| async move { steps.totals().await })
    }

    fn verify(&self) -> Answer<Verified> {
        self.run(PATIENCE_TO_VERIFY, |steps| async move { steps.verify().await })
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("schema", &self.steps.schema()).finish_non_exhaustive()
    }
}
