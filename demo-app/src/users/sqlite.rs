//! Users, tokens and sessions in a file of this machine.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::web;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::schema;
use super::session::{IssuedToken, Session, SessionsMax};
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

    /// Gives the token's id.
    pub(crate) async fn add_token(
        &self,
        digest: String,
        name: String,
        now_s: i64,
        max: u32,
    ) -> Result<i64, StoreError> {
        self.write(move |write| {
            let insert = "INSERT INTO tokens (digest, name, issued_s) VALUES (?1, ?2, ?3)";
            write.execute(insert, params![digest, name, now_s])?;
            let id = write.last_insert_rowid();
            let newest = "SELECT id FROM tokens WHERE name = ?1 ORDER BY id DESC LIMIT ?2";
            let drop_others = format!("DELETE FROM tokens WHERE name = ?1 AND id NOT IN ({newest})");
            write.execute(&drop_others, params![name, max])?;
            Ok(id)
        })
        .await
    }

    /// The oldest first.
    pub(crate) async fn tokens(&self, name: String) -> Result<Vec<IssuedToken>, StoreError> {
        let reader = self.reader.clone();
        on_a_thread(move || {
            let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let mut read = reader.prepare_cached("SELECT id, issued_s FROM tokens WHERE name = ?1 ORDER BY id")?;
            let token = |row: &rusqlite::Row<'_>| Ok(IssuedToken { id: row.get(0)?, issued_s: row.get(1)? });
            read.query_map([name], token)?.collect()
        })
        .await
    }

    /// Drops one token of this user, or all of them; gives how many there were.
    pub(crate) async fn drop_tokens(&self, name: String, id: Option<i64>) -> Result<u64, StoreError> {
        let drop = "DELETE FROM tokens WHERE name = ?1 AND (?2 IS NULL OR id = ?2)";
        self.write(move |write| Ok(write.execute(drop, params![name, id])? as u64)).await
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
    pub(crate) async fn keep_session(&self, session: Session, now_s: i64, max: SessionsMax) -> Result<i64, StoreError> {
        self.write(move |write| {
            let gone = write.execute("DELETE FROM sessions WHERE expires_s <= ?1", [now_s])?;
            let Session { digest, name, state, expires_s } = session;
            let updated = write.execute(
                "UPDATE sessions SET state = ?2, expires_s = ?3 WHERE digest = ?1",
                params![digest, state, expires_s],
            )?;
            if updated == 1 {
                return Ok(-(gone as i64));
            }
            let insert = "INSERT INTO sessions (digest, name, state, expires_s) VALUES (?1, ?2, ?3, ?4)";
            write.execute(insert, params![digest, name, state, expires_s])?;
            let newest = "SELECT id FROM sessions WHERE name = ?1 ORDER BY id DESC LIMIT ?2";
            let drop_others = format!("DELETE FROM sessions WHERE name = ?1 AND id NOT IN ({newest})");
            let mut crowded_out = write.execute(&drop_others, params![name, max.a_user])?;
            let count: i64 = write.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))?;
            if count > i64::from(max.all) {
                crowded_out +=
                    write.execute(&format!("DELETE FROM sessions WHERE id = ({})", schema::IN_EXCESS), [])?;
            }
            Ok(1 - (gone + crowded_out) as i64)
        })
        .await
    }

    /// Whether there was one.
    pub(crate) async fn drop_session(&self, digest: String) -> Result<bool, StoreError> {
        self.write(move |write| Ok(write.execute("DELETE FROM sessions WHERE digest = ?1", [digest])? == 1)).await
    }

    /// Drops the sessions of this user; gives how many there were.
    pub(crate) async fn drop_sessions(&self, name: String) -> Result<u64, StoreError> {
        self.write(move |write| Ok(write.execute("DELETE FROM sessions WHERE name = ?1", [name])? as u64)).await
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
        0 | 1 => {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(if version == 0 { schema::SQLITE } else { schema::SQLITE_FROM_1 })?;
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
        assert!(error.to_string().contains("newer version (3)"), "{error}");
        let file = Connection::open(&path).expect("a file");
        let version: u32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).expect("read");
        assert_eq!(version, schema::VERSION + 1);
    }

    #[test]
    fn a_file_of_the_first_version_is_brought_up_to_date_with_its_sessions() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("users.db");
        let file = Connection::open(&path).expect("a file");
        file.execute_batch(
            r#"CREATE TABLE users (name TEXT PRIMARY KEY, password_hash TEXT NOT NULL) STRICT;
               CREATE TABLE tokens (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL) STRICT;
               CREATE TABLE sessions (
                   id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, state TEXT NOT NULL, expires_s INTEGER NOT NULL
               ) STRICT;
               INSERT INTO sessions (digest, state, expires_s) VALUES
                   ('a', '{"actix_identity.user_id":"\"ada\""}', 9), ('b', '{}', 9);
               INSERT INTO tokens (digest, name) VALUES ('c', 'ada');
               PRAGMA user_version = 1;"#,
        )
        .expect("tables");
        drop(file);
        let store = SqliteStore::open(&path).expect("a file of the first version");
        actix_web::rt::System::new().block_on(async {
            let tokens = store.tokens("ada".to_owned()).await.expect("asked");
            assert_eq!(tokens, [IssuedToken { id: 1, issued_s: 0 }]);
            assert_eq!(store.drop_sessions("ada".to_owned()).await.expect("dropped"), 1);
            assert!(store.session("b".to_owned(), 0).await.expect("asked").is_some());
        });
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
