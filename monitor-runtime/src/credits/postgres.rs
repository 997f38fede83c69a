//! The ledger of several processes, in PostgreSQL: connections, patience, what is tried again. The steps are next door.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};

use super::answer::Answer;
use super::error::CreditsError;
use super::ledger::{
    Balance, Captured, Expired, Extended, Grant, Granted, HoldRequest, Ledger, Page, Placed, Totals, Verified, Voided,
};
use super::name::{AccountId, HoldId};
use super::process::Process;

mod connection;
mod schema;
mod steps;

use connection::Trouble;
use steps::Steps;

/// How often a step is taken again that met another, or whose connection broke.
const TRIES: u32 = 6;
/// `verify` reads everything.
const PATIENCE_TO_VERIFY: Duration = Duration::from_secs(600);

/// A ledger in PostgreSQL; see the [module](super) for what a ledger does.
///
/// Any number of processes share it. Holds expire on the server's clock. A step whose connection broke is taken again by
/// its id or key, which finds out whether it had been taken.
///
/// It keeps a thread for its connections, so that they do not depend on the runtime of whoever asks.
pub struct Postgres {
    steps: Arc<Steps>,
    runtime: Handle,
    patience: Duration,
    /// Each step keeps one; when all are gone, the thread ends.
    alive: mpsc::Sender<()>,
    /// The one whose thread it is.
    process: Process,
}

/// How a ledger in PostgreSQL is opened.
#[derive(Clone, Debug)]
#[must_use = "`open` connects"]
pub struct PostgresBuilder {
    url: String,
    schema: String,
    connections: usize,
    patience: Duration,
}

impl PostgresBuilder {
    /// The schema of its tables: `monitor_credits`, unless written. Lower-case letters, digits and `_`.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// How many connections it has at most: 16, unless written. Times the processes, it must be less than the server's
    /// `max_connections`.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
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
        let PostgresBuilder { url, schema, connections, patience } = self;
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
        // The server gives up too, so that nobody's lock is waited for by a step that nobody waits for.
        let milliseconds = patience.as_millis().min(600_000);
        let options = config.get_options().unwrap_or_default();
        let options = format!(
            "{options} -c statement_timeout={milliseconds} -c idle_in_transaction_session_timeout={milliseconds} \
             -c default_transaction_isolation=read\\ committed -c synchronous_commit=on"
        );
        config.options(options.trim()).application_name("monitor-credits");
        config.connect_timeout(patience).tcp_user_timeout(patience);
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tls, manager))
            .max_size(connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(patience))
            .create_timeout(Some(patience))
            .build()
            .map_err(CreditsError::unavailable)?;

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

        let (steps, process) = (Arc::new(Steps::new(pool, &schema)), Process::this());
        let postgres = Postgres { steps, runtime: handle, patience, alive, process };
        postgres.run(patience, |steps| async move { steps.migrate().await }).wait()?;
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
        }
    }

    /// Takes a step on the thread of the connections, again when that may help.
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
            let tried = async {
                let mut tries = 1;
                loop {
                    match step(steps.clone()).await {
                        Ok(value) => return Ok(value),
                        Err(Trouble::Refused(error)) => return Err(error),
                        Err(Trouble::Met(_) | Trouble::Broken(_)) if tries < TRIES => tries += 1,
                        Err(Trouble::Met(why) | Trouble::Broken(why)) => return Err(CreditsError::Unavailable { why }),
                    }
                }
            };
            let result = tokio::time::timeout(patience, tried).await.unwrap_or_else(|_| {
                Err(CreditsError::Unavailable { why: format!("PostgreSQL did not answer within {patience:?}") })
            });
            reply.send(result);
        });
        answer
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
        let request = Arc::new(request);
        self.run(self.patience, move |steps| {
            let request = request.clone();
            async move { steps.hold(&request).await }
        })
    }

    fn capture(&self, hold: HoldId, amount: i64) -> Answer<Captured> {
        self.run(self.patience, move |steps| async move { steps.capture(hold, amount).await })
    }

    fn void(&self, hold: HoldId) -> Answer<Voided> {
        self.run(self.patience, move |steps| async move { steps.void(hold).await })
    }

    fn extend(&self, hold: HoldId, lifetime: Duration) -> Answer<Extended> {
        self.run(self.patience, move |steps| async move { steps.extend(hold, lifetime).await })
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
