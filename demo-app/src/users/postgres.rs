//! Users, tokens and sessions in the database that several instances share.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::time::timeout;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts};
use tokio::sync::Semaphore;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};

use super::schema;
use super::session::{IssuedToken, Session, SessionsMax};
use crate::store_error::StoreError;

/// The ledger has a pool of its own.
const CONNECTIONS_MAX: usize = 4;
/// No request waits longer, not even for a database that takes connections and says nothing.
const WAIT: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub(crate) struct PostgresStore {
    pool: Pool,
    alone: Arc<Semaphore>,
}

impl PostgresStore {
    /// Connects, and makes the tables where they are missing.
    pub(crate) async fn open(url: &str) -> Result<PostgresStore, StoreError> {
        let mut config: tokio_postgres::Config = url.parse()?;
        config.connect_timeout(WAIT).tcp_user_timeout(WAIT).application_name("demo-app");
        // The server gives up too: nobody waits for a step that it would still take.
        config.options(format!("-c statement_timeout={}", WAIT.as_millis()));
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, NoTls, manager))
            .max_size(CONNECTIONS_MAX)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| StoreError::Lost)?;
        let store = PostgresStore { pool, alone: Arc::new(Semaphore::new(CONNECTIONS_MAX / 2)) };
        let client = store.client().await?;
        // One message is one transaction, so the lock goes with it.
        client.batch_execute(schema::POSTGRES).await?;
        let found: i32 = client.query_one("SELECT version FROM demo_schema", &[]).await?.get(0);
        match u32::try_from(found) {
            Ok(schema::VERSION) => Ok(store),
            found => Err(StoreError::Newer { found: found.unwrap_or_default(), known: schema::VERSION }),
        }
    }

    /// What is asked here, or that it is not answered in time.
    pub(crate) async fn in_time<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(WAIT, asked).await.unwrap_or(Err(StoreError::Lost))
    }

    pub(crate) async fn add_user(&self, name: String, hash: String) -> Result<bool, StoreError> {
        let add = "INSERT INTO demo_users (name, password_hash) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        Ok(self.execute(add, &[&name, &hash]).await? == 1)
    }

    pub(crate) async fn set_password(&self, name: String, hash: String) -> Result<(), StoreError> {
        let set = "INSERT INTO demo_users (name, password_hash) VALUES ($1, $2)
                   ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash";
        self.execute(set, &[&name, &hash]).await.map(drop)
    }

    pub(crate) async fn password_hash(&self, name: String) -> Result<Option<String>, StoreError> {
        self.text("SELECT password_hash FROM demo_users WHERE name = $1", &[&name]).await
    }

    /// Gives the token's id.
    pub(crate) async fn add_token(
        &self,
        digest: String,
        name: String,
        now_s: i64,
        max: u32,
    ) -> Result<i64, StoreError> {
        let insert = "INSERT INTO demo_tokens (digest, name, issued_s) VALUES ($1, $2, $3) RETURNING id";
        let id = self.client().await?.query_one(insert, &[&digest, &name, &now_s]).await?.get(0);
        let newest = "SELECT id FROM demo_tokens WHERE name = $1 ORDER BY id DESC LIMIT $2";
        let drop_others = format!("DELETE FROM demo_tokens WHERE name = $1 AND id NOT IN ({newest})");
        self.execute(&drop_others, &[&name, &i64::from(max)]).await?;
        Ok(id)
    }

    /// The oldest first.
    pub(crate) async fn tokens(&self, name: String) -> Result<Vec<IssuedToken>, StoreError> {
        let read = "SELECT id, issued_s FROM demo_tokens WHERE name = $1 ORDER BY id";
        let rows = self.client().await?.query(read, &[&name]).await?;
        Ok(rows.iter().map(|row| IssuedToken { id: row.get(0), issued_s: row.get(1) }).collect())
    }

    /// Drops one token of this user, or all of them; gives how many there were.
    pub(crate) async fn drop_tokens(&self, name: String, id: Option<i64>) -> Result<u64, StoreError> {
        let drop = "DELETE FROM demo_tokens WHERE name = $1 AND ($2::bigint IS NULL OR id = $2)";
        self.execute(drop, &[&name, &id]).await
    }

    pub(crate) async fn user_of_token(&self, digest: String) -> Result<Option<String>, StoreError> {
        self.text("SELECT name FROM demo_tokens WHERE digest = $1", &[&digest]).await
    }

    pub(crate) async fn session(&self, digest: String, now_s: i64) -> Result<Option<String>, StoreError> {
        self.text("SELECT state FROM demo_sessions WHERE digest = $1 AND expires_s > $2", &[&digest, &now_s]).await
    }

    pub(crate) async fn keep_session(&self, session: Session, now_s: i64, max: SessionsMax) -> Result<i64, StoreError> {
        let gone = self.execute("DELETE FROM demo_sessions WHERE expires_s <= $1", &[&now_s]).await?;
        let Session { digest, name, state, expires_s } = session;
        // `xmax` is 0 in a row that is new.
        let keep = "INSERT INTO demo_sessions (digest, name, state, expires_s) VALUES ($1, $2, $3, $4)
                    ON CONFLICT (digest) DO UPDATE SET state = excluded.state, expires_s = excluded.expires_s
                    RETURNING xmax = 0";
        let row = self.client().await?.query_one(keep, &[&digest, &name, &state, &expires_s]).await?;
        if !row.get::<_, bool>(0) {
            return Ok(-(gone as i64));
        }
        let next = "SELECT id FROM demo_sessions WHERE name = $1 ORDER BY id DESC OFFSET $2 LIMIT 1";
        let drop_others = format!("DELETE FROM demo_sessions WHERE name = $1 AND id <= ({next})");
        let mut crowded_out = self.execute(&drop_others, &[&name, &i64::from(max.a_user)]).await?;
        let count: i64 = self.client().await?.query_one("SELECT count(*) FROM demo_sessions", &[]).await?.get(0);
        if count > i64::from(max.all) {
            let in_excess = schema::IN_EXCESS.replace("sessions", "demo_sessions");
            crowded_out += self.execute(&format!("DELETE FROM demo_sessions WHERE id = ({in_excess})"), &[]).await?;
        }
        Ok(1 - (gone + crowded_out) as i64)
    }

    pub(crate) async fn drop_session(&self, digest: String) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM demo_sessions WHERE digest = $1", &[&digest]).await? == 1)
    }

    /// Drops the sessions of this user; gives how many there were.
    pub(crate) async fn drop_sessions(&self, name: String) -> Result<u64, StoreError> {
        self.execute("DELETE FROM demo_sessions WHERE name = $1", &[&name]).await
    }

    /// Does `work` while no other instance does such work for this user.
    pub(crate) async fn alone<T>(&self, name: String, work: impl Future<Output = T>) -> Result<T, StoreError> {
        // So that sign-ins have connections, however many users work alone.
        let _few = timeout(WAIT, self.alone.acquire()).await.map_err(|_| StoreError::Lost)?;
        let mut client = self.client().await?;
        let turn = client.transaction().await?;
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 713264022))";
        PostgresStore::in_time(async { Ok(turn.execute(lock, &[&name]).await?) }).await?;
        let done = work.await;
        // What was done is done, whether or not the turn could be given back properly: the server ends it.
        let _ = turn.commit().await;
        Ok(done)
    }

    pub(crate) async fn count_sessions(&self, now_s: i64) -> Result<i64, StoreError> {
        let count = "SELECT count(*) FROM demo_sessions WHERE expires_s > $1";
        Ok(self.client().await?.query_one(count, &[&now_s]).await?.get(0))
    }

    async fn text(&self, query: &str, keys: &[&(dyn ToSql + Sync)]) -> Result<Option<String>, StoreError> {
        let row: Option<Row> = self.client().await?.query_opt(query, keys).await?;
        Ok(row.map(|row| row.get(0)))
    }

    async fn execute(&self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        Ok(self.client().await?.execute(statement, values).await?)
    }

    async fn client(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => StoreError::Postgres(error),
            _ => StoreError::Lost,
        })
    }
}
