//! One connection: how it is set, asked and given back, and what goes wrong on it.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Row, Statement};

use super::super::error::CreditsError;

/// What comes of something that was asked on a connection.
pub(super) type Done<T> = Result<T, Trouble>;

/// A value of a statement, with the type that the statement takes.
pub(super) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// Why a step was not taken, or is not known to have been.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is final.
    Refused(CreditsError),
    /// It met another step: taken again, it sees what that one did.
    Met(String),
    /// Another session keeps a row locked for longer than was waited.
    Locked(String),
    /// The server cannot do it now, whatever else is asked of it.
    Failing(String),
    /// The connection is of no more use: taken again on another one by the same id, the step finds out.
    Broken(String),
}

impl From<CreditsError> for Trouble {
    fn from(error: CreditsError) -> Trouble {
        Trouble::Refused(error)
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Trouble {
        let Some(said) = error.as_db_error() else {
            let mut why = format!("PostgreSQL is not reached: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                why = format!("{why}: {error}");
                cause = error.source();
            }
            return Trouble::Broken(why);
        };
        let code = said.code();
        let cure = match *code == SqlState::INVALID_SQL_STATEMENT_NAME || *code == SqlState::DUPLICATE_PSTATEMENT {
            true => "; behind a pooler in transaction mode, open the ledger with `transaction_pooling(true)`",
            false => "",
        };
        let why = format!("PostgreSQL says: {}{cure}", said.message());
        let met = [SqlState::UNIQUE_VIOLATION, SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
        // The store refuses what the moves allowed, or is not what the last migration made.
        let invalid = [
            SqlState::CHECK_VIOLATION,
            SqlState::NOT_NULL_VIOLATION,
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_COLUMN,
            SqlState::DATA_CORRUPTED,
            SqlState::INDEX_CORRUPTED,
        ];
        if met.contains(code) {
            Trouble::Met(why)
        } else if *code == SqlState::LOCK_NOT_AVAILABLE {
            Trouble::Locked(why)
        } else if is_of_the_connection(code) {
            Trouble::Broken(why)
        } else if invalid.contains(code) {
            Trouble::Refused(CreditsError::InvalidStore { why })
        } else if ["53", "54", "57", "58", "XX"].contains(&&code.code()[..2]) {
            Trouble::Failing(why)
        } else {
            Trouble::Refused(CreditsError::Unavailable { why })
        }
    }
}

/// Whether another connection may do what this one cannot: this one leads to a server that only reads (the primary of
/// yesterday, after a failover), that ends or starts, or that has forgotten our statements.
fn is_of_the_connection(code: &SqlState) -> bool {
    let single = [
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::DATABASE_DROPPED,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::DUPLICATE_PSTATEMENT,
        SqlState::IN_FAILED_SQL_TRANSACTION,
        SqlState::NO_ACTIVE_SQL_TRANSACTION,
        SqlState::ACTIVE_SQL_TRANSACTION,
        // A plan that was made for tables which have changed.
        SqlState::FEATURE_NOT_SUPPORTED,
    ];
    // 08: the connection itself. 57P05: closed because it was idle.
    single.contains(code) || code.code().starts_with("08") || code.code() == "57P05"
}

/// How every connection of a pool is set.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Each a name and a value, both text of ours.
    pub(super) settings: Vec<(&'static str, String)>,
    /// Whether the session may be another one in each transaction, as behind PgBouncer in its transaction mode: then it is
    /// set anew in each, and no statement is prepared.
    pub(super) is_shared: bool,
}

impl Session {
    fn sets(&self, how: &str) -> String {
        let set = |(name, value): &(&str, String)| format!("{how} {name} = '{value}'");
        self.settings.iter().map(set).collect::<Vec<_>>().join("; ")
    }
}

/// Connections of one kind.
pub(super) struct Connections {
    pool: Pool,
    begin: Arc<str>,
    is_shared: bool,
}

impl Connections {
    /// At most `size`; none is made yet.
    pub(super) fn new<T>(
        config: Config,
        tls: T,
        session: &Session,
        size: usize,
        patience: Duration,
    ) -> Result<Connections, CreditsError>
    where
        T: tokio_postgres::tls::MakeTlsConnect<tokio_postgres::Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + Sync,
        T::TlsConnect: Send + Sync,
        <T::TlsConnect as tokio_postgres::tls::TlsConnect<tokio_postgres::Socket>>::Future: Send,
    {
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let mut pool = Pool::builder(Manager::from_config(config, tls, manager))
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(patience))
            .create_timeout(Some(patience));
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
        let begin = match session.is_shared {
            true => format!("{begin}; {}", session.sets("SET LOCAL")),
            false => begin.to_owned(),
        };
        if !session.is_shared {
            let set: Arc<str> = session.sets("SET SESSION").into();
            pool = pool.post_create(Hook::async_fn(move |client, _| {
                let set = set.clone();
                Box::pin(async move { client.batch_execute(&set).await.map_err(HookError::Backend) })
            }));
        }
        let pool = pool.build().map_err(CreditsError::unavailable)?;
        Ok(Connections { pool, begin: begin.into(), is_shared: session.is_shared })
    }

    pub(super) async fn get(&self) -> Done<Connection> {
        let why = match self.pool.get().await {
            Ok(object) => {
                let begin = self.begin.clone();
                let state = State::Asked;
                return Ok(Connection { object: Some(object), begin, is_shared: self.is_shared, state });
            }
            Err(PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error))) => {
                return Err(error.into());
            }
            Err(PoolError::Timeout(_)) => "no connection to PostgreSQL is free, or it does not answer".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Trouble::Failing(why))
    }

    /// Closes those that nobody uses: they lead where one led that is of no more use.
    pub(super) fn forget(&self) {
        self.pool.retain(|_, _| false);
    }
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Something is asked of it, whose answer is not there: what it will still say is not known.
    Asked,
    InTransaction,
    Ready,
}

/// A connection. One whose step did not end is not used again.
pub(super) struct Connection {
    object: Option<Object>,
    begin: Arc<str>,
    is_shared: bool,
    state: State,
}

impl Connection {
    /// Ends what was done on it: nothing stays open, and a broken one is not used again. True when it may be.
    pub(super) async fn ended<T>(&mut self, result: Done<T>) -> Done<T> {
        match (&result, self.state) {
            (Err(Trouble::Broken(_)), _) => self.state = State::Asked,
            (_, State::InTransaction) => {
                self.state = State::Asked;
                if let Err(error) = self.client().batch_execute("ROLLBACK").await {
                    // What came of it is known all the same.
                    tracing::debug!(%error, "a transaction could not be rolled back");
                    return result;
                }
                self.state = State::Ready;
            }
            (_, _) => self.state = State::Ready,
        }
        result
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready && !self.client().is_closed()
    }

    /// What is asked from now on is not known to have ended until [`ended`](Self::ended) says so.
    pub(super) fn asks(&mut self) {
        self.state = State::Asked;
    }

    /// A transaction begins, and is over by [`commit`](Self::commit) or [`ended`](Self::ended).
    pub(super) async fn begin(&mut self) -> Done<()> {
        self.enters();
        self.send_begin().await
    }

    pub(super) async fn commit(&mut self) -> Done<()> {
        self.send_commit().await?;
        self.leaves();
        Ok(())
    }

    /// A transaction will be open, whatever comes of [`send_begin`](Self::send_begin).
    pub(super) fn enters(&mut self) {
        self.state = State::InTransaction;
    }

    /// No transaction is open any more.
    pub(super) fn leaves(&mut self) {
        self.state = State::Asked;
    }

    /// To be sent together with what follows.
    pub(super) async fn send_begin(&self) -> Done<()> {
        self.run(&self.begin).await
    }

    /// To be sent together with what goes before. It says nothing of that: after an error it succeeds, and rolls back.
    pub(super) async fn send_commit(&self) -> Done<()> {
        self.run("COMMIT").await
    }

    /// Rows of a statement.
    pub(super) async fn query(&self, sql: &str, values: &[Value<'_>]) -> Done<Vec<Row>> {
        if self.is_shared {
            return Ok(self.client().query_typed(sql, values).await?);
        }
        let statement = self.prepared(sql, values.iter().map(|(_, kind)| kind.clone()).collect::<Vec<_>>()).await?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|(value, _)| *value).collect();
        Ok(self.client().query(&statement, &values).await?)
    }

    /// A row at most.
    pub(super) async fn row(&self, sql: &str, values: &[Value<'_>]) -> Done<Option<Row>> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Has a statement prepared, so that it is sent at once when it is asked.
    pub(super) async fn prepare(&self, sql: &str, kinds: &[Type]) -> Done<()> {
        if !self.is_shared {
            self.prepared(sql, kinds).await?;
        }
        Ok(())
    }

    /// Statements without values, separated by `;`.
    pub(super) async fn run(&self, sql: &str) -> Done<()> {
        Ok(self.client().batch_execute(sql).await?)
    }

    async fn prepared(&self, sql: &str, kinds: impl AsRef<[Type]>) -> Done<Statement> {
        Ok(self.client().prepare_typed_cached(sql, kinds.as_ref()).await?)
    }

    fn client(&self) -> &Object {
        self.object.as_ref().expect("a connection has its object until it is dropped")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && self.state != State::Ready
        {
            drop(Object::take(object));
        }
    }
}
