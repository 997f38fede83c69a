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
