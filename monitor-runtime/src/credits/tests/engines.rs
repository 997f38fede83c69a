//! The engines, each with a clock that a test moves, and the suite on each.

use std::time::Duration;

use super::super::conformance::{World, check};
use super::super::{Ledger, Memory, StoreClock};

pub(super) struct InMemory {
    ledger: Memory,
    clock: StoreClock,
}

impl InMemory {
    pub(super) fn new() -> InMemory {
        let clock = StoreClock::manual();
        InMemory { ledger: Memory::with_clock(clock.clone()), clock }
    }
}

impl World for InMemory {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }
}

#[test]
fn memory_conforms() {
    check(&InMemory::new());
}

#[cfg(feature = "sqlite")]
pub(super) use file::InFile;

#[cfg(feature = "sqlite")]
mod file {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::super::super::Sqlite;
    use super::*;

    pub(in super::super) struct InFile {
        // In this order: the file is closed before its directory goes.
        ledger: Option<Sqlite>,
        clock: StoreClock,
        directory: TempDir,
    }

    impl InFile {
        pub(in super::super) fn new() -> InFile {
            let directory = tempfile::tempdir().expect("a directory");
            let mut file = InFile { ledger: None, clock: StoreClock::manual(), directory };
            file.open();
            file
        }

        pub(in super::super) fn path(&self) -> PathBuf {
            self.directory.path().join("ledger.db")
        }

        pub(in super::super) fn close(&mut self) {
            self.ledger = None;
        }

        pub(in super::super) fn open(&mut self) -> &Sqlite {
            self.close();
            let ledger = Sqlite::open_with_clock(self.path(), self.clock.clone()).expect("a ledger");
            self.ledger.insert(ledger)
        }
    }

    impl World for InFile {
        fn ledger(&self) -> &dyn Ledger {
            self.ledger.as_ref().expect("an open ledger")
        }

        fn advance(&self, duration: Duration) {
            self.clock.advance(duration);
        }
    }

    #[test]
    fn sqlite_conforms() {
        check(&InFile::new());
    }
}

#[cfg(feature = "postgres")]
pub(super) use server::InServer;

#[cfg(feature = "postgres")]
mod server {
    use super::super::super::Postgres;
    use super::*;

    pub(in super::super) struct InServer {
        pub(in super::super) ledger: Postgres,
        pub(in super::super) url: String,
        server: &'static servers::Postgres,
    }

    impl InServer {
        pub(in super::super) fn new() -> InServer {
            let server = servers::Postgres::shared();
            let url = server.database();
            InServer { ledger: Postgres::open(&url).expect("a ledger"), url, server }
        }

        pub(in super::super) fn sql(&self, sql: &str) -> String {
            self.server.sql(&self.url, sql)
        }
    }

    impl World for InServer {
        fn ledger(&self) -> &dyn Ledger {
            &self.ledger
        }

        /// The server's clock is not ours: what is to come comes nearer instead.
        fn advance(&self, duration: Duration) {
            let microseconds = duration.as_micros();
            let sql = "UPDATE monitor_credits.hold SET expires_at = expires_at - interval '1 microsecond' * ";
            self.sql(&format!("{sql}{microseconds}"));
        }
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run runs it"]
    fn postgres_conforms() {
        check(&InServer::new());
    }
}
