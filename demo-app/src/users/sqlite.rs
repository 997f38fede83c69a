//! Users, tokens and sessions in a file of this machine.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::web;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::schema;
use super::session::Session;
use crate::store_error::StoreError;

/// How long a connection waits for another that writes.
const BUSY: Duration = Duration::from_secs(5);

/// Two connections: whoever reads need not wait until what another writes is on the disk.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
}

impl SqliteStore {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        let (mut writer, reader) = (connect(path)?, connect(path)?);
        prepare(&mut writer)?;
        Ok(SqliteStore::of(writer, reader))
    }

    /// Keeps all in memory, as long as it lives.
    pub(crate) fn in_memory() -> Result<SqliteStore, StoreError> {
        let mut only = Connection::open_in_memory()?;
        prepare(&mut only)?;
        let only = Arc::new(Mutex::new(only));
        Ok(SqliteStore { writer: only.clone(), reader: only })
    }

    fn of(writer: Connection, reader: Connection) -> SqliteStore {
        SqliteStore { writer: Arc::new(Mutex::new(writer)), reader: Arc::new(Mutex::new(reader)) }
    }

    pub(crate) async fn add_user(&self, name: String, hash: String) -> Result<bool, StoreError> {
        let add = "INSERT INTO users (name, password_hash) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.write(move |write| Ok(write.execute(add, [name, hash])? == 1)).await
    }

    pub(crate) async fn set_password(&self, name: String, hash: String) -> Result<(), StoreError> {
        let set = "INSERT INTO users (name, password_hash) VALUES (?1, ?2)
                   ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash";
        self.write(move |write| write.execute(set, [name, hash]).map(drop)).await
    }

    pub(crate) async fn password_hash(&self, name: String) -> Result<Option<String>, StoreError> {
        self.read("SELECT password_hash FROM users WHERE name = ?1", name).await
    }

    pub(crate) async fn add_token(&self, digest: String, name: String, max: u32) -> Result<(), StoreError> {
        self.write(move |write| {
            write.execute("INSERT INTO tokens (digest, name) VALUES (?1, ?2)", [&digest, &name])?;
            let newest = "SELECT id FROM tokens WHERE name = ?1 ORDER BY id DESC LIMIT ?2";
            let drop_others = format!("DELETE FROM tokens WHERE name = ?1 AND id NOT IN ({newest})");
            write.execute(&drop_others, params![name, max]).map(drop)
        })
        .await
    }

    pub(crate) async fn user_of_token(&self, digest: String) -> Result<Option<String>, StoreError> {
        self.read("SELECT name FROM tokens WHERE digest = ?1", digest).await
    }

    pub(crate) async fn session(&self, digest: String, now_s: i64) -> Result<Option<String>, StoreError> {
        let reader = self.reader.clone();
        on_a_thread(move || {
            let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let mut read = reader.prepare_cached("SELECT state FROM sessions WHERE digest = ?1 AND expires_s > ?2")?;
            read.query_row(params![digest, now_s], |row| row.get(0)).optional()
        })
        .await
    }

    /// Keeps a session, in the place of that of `digest` if there is one; gives how many sessions more there are.
    pub(crate) async fn keep_session(&self, session: Session, now_s: i64, max: u32) -> Result<i64, StoreError> {
        self.write(move |write| {
            let gone = write.execute("DELETE FROM sessions WHERE expires_s <= ?1", [now_s])?;
            let Session { digest, state, expires_s } = session;
            let updated = write.execute(
                "UPDATE sessions SET state = ?2, expires_s = ?3 WHERE digest = ?1",
                params![digest, state, expires_s],
            )?;
            if updated == 1 {
                return Ok(-(gone as i64));
            }
            let insert = "INSERT INTO sessions (digest, state, expires_s) VALUES (?1, ?2, ?3)";
            write.execute(insert, params![digest, state, expires_s])?;
            let newest = "SELECT id FROM sessions ORDER BY id DESC LIMIT ?1";
            let count: i64 = write.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))?;
            let crowded_out = if count > i64::from(max) {
                write.execute(&format!("DELETE FROM sessions WHERE id NOT IN ({newest})"), [max])?
            } else {
                0
            };
            Ok(1 - (gone + crowded_out) as i64)
        })
        .await
    }

    /// Whether there was one.
    pub(crate) async fn drop_session(&self, digest: String) -> Result<bool, StoreError> {
        self.write(move |write| Ok(write.execute("DELETE FROM sessions WHERE digest = ?1", [digest])? == 1)).await
    }

    pub(crate) async fn count_sessions(&self, now_s: i64) -> Result<i64, StoreError> {
        self.write(move |write| {
            write.query_row("SELECT count(*) FROM sessions WHERE expires_s > ?1", [now_s], |row| row.get(0))
        })
        .await
    }

    async fn read(&self, query: &'static str, key: String) -> Result<Option<String>, StoreError> {
        let reader = self.reader.clone();
        on_a_thread(move || {
            let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            reader.prepare_cached(query)?.query_row([key], |row| row.get(0)).optional()
        })
        .await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let writer = self.writer.clone();
        on_a_thread(move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    web::block(work).await.map_err(|_| StoreError::Lost)?.map_err(StoreError::Sqlite)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Makes the tables of a new file; a file from a newer version is left as it is.
fn prepare(writer: &mut Connection) -> Result<(), StoreError> {
    let version: u32 = writer.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        schema::VERSION => Ok(()),
        0 => {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(schema::SQLITE)?;
            transaction.pragma_update(None, "user_version", schema::VERSION)?;
            Ok(transaction.commit()?)
        }
        found => Err(StoreError::Newer { found, known: schema::VERSION }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_from_a_newer_version_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("users.db");
        drop(SqliteStore::open(&path).expect("a new file"));
        let file = Connection::open(&path).expect("a file");
        file.pragma_update(None, "user_version", schema::VERSION + 1).expect("written");
        drop(file);
        let error = SqliteStore::open(&path).err().expect("a newer file");
        assert!(error.to_string().contains("newer version (2)"), "{error}");
        let file = Connection::open(&path).expect("a file");
        let version: u32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).expect("read");
        assert_eq!(version, schema::VERSION + 1);
    }

    #[test]
    fn a_file_that_is_no_database_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("users.db");
        std::fs::write(&path, "ada:lovelace\n".repeat(100)).expect("written");
        let error = SqliteStore::open(&path).err().expect("no database");
        assert!(error.to_string().contains("not a database"), "{error}");
    }
}
