//! What may be wrong with a file, and what becomes of it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::super::conformance::World;
use super::super::{
    AccountId, Balance, CreditsError, EntryKind, Grant, HoldId, HoldRequest, Ledger, Operation, Sqlite, StoreClock,
};
use super::engines::InFile;

fn ada() -> AccountId {
    AccountId::new("ada").expect("a name")
}

fn hold(ledger: &dyn Ledger, amount: i64) -> HoldId {
    let request = HoldRequest {
        id: HoldId::new(),
        account: ada(),
        operation: Operation::new("report").expect("a name"),
        amount,
        lifetime: std::time::Duration::from_secs(60),
        key: None,
    };
    ledger.hold(request).wait().expect("a hold").hold
}

/// What opening it says, in words.
fn refused(path: &Path) -> (CreditsError, String) {
    let error = Sqlite::open(path).expect_err("no ledger");
    let words = error.to_string();
    assert!(words.contains(&*path.to_string_lossy()) || matches!(error, CreditsError::NewerSchema { .. }), "{words}");
    (error, words)
}

#[test]
fn a_ledger_is_there_again_and_frees_what_its_previous_life_held() {
    let mut file = InFile::new();
    file.ledger().grant(Grant::new(ada(), 10)).wait().expect("a grant");
    let taken = hold(file.ledger(), 3);
    file.ledger().capture(taken, 3).wait().expect("a capture");
    let (left, other) = (hold(file.ledger(), 4), hold(file.ledger(), 1));
    let ledger = file.open();
    let freed = ledger.freed_at_start();
    assert_eq!((freed.holds, freed.credits), (2, 5));
    assert_eq!(ledger.balance(ada()).wait(), Ok(Balance { available: 7, held: 0 }));
    assert!(ledger.capture(taken, 3).wait().expect("the same").replayed);
    // Whoever did the work after all is charged.
    assert!(ledger.capture(left, 4).wait().expect("a charge").late);
    assert_eq!(ledger.void(other).wait().expect("the same").balance, Balance { available: 3, held: 0 });
    assert_eq!(file.open().freed_at_start().holds, 0);
}

#[test]
fn a_second_ledger_is_kept_out_and_a_reader_is_not() {
    let file = InFile::new();
    file.ledger().grant(Grant::new(ada(), 10)).wait().expect("a grant");
    let stands = hold(file.ledger(), 4);
    let (error, words) = refused(&file.path());
    assert!(error.is_unavailable() && words.contains("open in this process already"), "{words}");
    // It freed nothing.
    assert!(!file.ledger().capture(stands, 4).wait().expect("a capture").late);
    let reader = Connection::open(file.path()).expect("a reader");
    let available: i64 = reader.query_row("SELECT available FROM account", [], |row| row.get(0)).expect("a row");
    assert_eq!(available, 6);
}

#[test]
fn a_newer_file_is_refused_and_left_as_it_is() {
    let mut file = InFile::new();
    file.ledger().grant(Grant::new(ada(), 10)).wait().expect("a grant");
    hold(file.ledger(), 4);
    file.close();
    let newer = Connection::open(file.path()).expect("a file");
    newer.pragma_update(None, "user_version", 99).expect("a version");
    drop(newer);
    let before = fs::read(file.path()).expect("a file");
    let (error, words) = refused(&file.path());
    assert_eq!(error, CreditsError::NewerSchema { found: 99, known: 1 });
    assert_eq!(words, "the ledger has schema 99 and this program knows schemas up to 1: update the program");
    assert!(fs::read(file.path()).expect("a file") == before);
}

#[test]
fn what_is_no_ledger_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let of = |name: &str| directory.path().join(name);
    fs::write(of("text"), "credits: 100\n".repeat(1000)).expect("a file");
    let foreign = Connection::open(of("foreign")).expect("a file");
    foreign.execute_batch("CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('ada')").expect("a table");
    drop(foreign);
    for (name, says) in [("text", "damaged"), ("foreign", "another program")] {
        let before = fs::read(of(name)).expect("a file");
        let (error, words) = refused(&of(name));
        assert!(matches!(error, CreditsError::InvalidStore { .. }) && words.contains(says), "{words}");
        assert!(fs::read(of(name)).expect("a file") == before);
    }
    fs::create_dir(of("directory")).expect("a directory");
    assert!(refused(&of("directory")).0.is_unavailable());
    assert!(refused(&of("nowhere/ledger")).0.is_unavailable());
    // An empty file is one that is to be made.
    fs::write(of("empty"), "").expect("a file");
    Sqlite::open(of("empty")).expect("a ledger");
}

#[test]
fn a_damaged_page_is_an_error_and_no_free_work() {
    let mut file = InFile::new();
    file.ledger().grant(Grant::new(ada(), 1000)).wait().expect("a grant");
    for _ in 0..200 {
        let hold = hold(file.ledger(), 1);
        file.ledger().capture(hold, 1).wait().expect("a capture");
    }
    file.close();
    let mut bytes = fs::read(file.path()).expect("a file");
    // All pages but the first, which has the schema.
    bytes[4096..].fill(0x5a);
    fs::write(file.path(), &bytes).expect("a file");
    let invalid = |error: CreditsError| {
        assert!(matches!(error, CreditsError::InvalidStore { .. }), "{error}");
        assert!(error.to_string().contains("restore a backup"), "{error}");
    };
    match Sqlite::open(file.path()) {
        Err(error) => invalid(error),
        Ok(ledger) => {
            invalid(ledger.verify().wait().expect_err("damage"));
            invalid(ledger.balance(ada()).wait().expect_err("damage"));
        }
    }
}

#[test]
fn numbers_that_were_tampered_with_are_found() {
    let mut file = InFile::new();
    file.ledger().grant(Grant::new(ada(), 10)).wait().expect("a grant");
    let stands = hold(file.ledger(), 4);
    file.ledger().capture(stands, 4).wait().expect("a capture");
    file.close();
    let tampering = Connection::open(file.path()).expect("a file");
    let journal = tampering.execute("UPDATE journal SET available = 100 WHERE kind = 0", []);
    assert!(journal.expect_err("append-only").to_string().contains("the journal is only added to"));
    let journal = tampering.execute("DELETE FROM journal", []);
    assert!(journal.expect_err("append-only").to_string().contains("the journal is only added to"));
    let negative = tampering.execute("UPDATE account SET available = -1", []);
    assert!(negative.expect_err("a check").to_string().contains("CHECK"));
    let twice = "INSERT INTO journal (at, account, kind, hold, available, held, available_after)
        SELECT at, account, 3, hold, available, held, available_after FROM journal WHERE kind = 2";
    assert!(tampering.execute(twice, []).expect_err("one end").to_string().contains("UNIQUE"));
    tampering.execute("UPDATE account SET available = 1000", []).expect("a row");
    drop(tampering);

    let violations = file.open().verify().wait().expect("a ledger").violations;
    let told: Vec<_> =
        violations.iter().map(|violation| (violation.account.as_str(), violation.what.as_str())).collect();
    assert_eq!(
        told,
        [
            ("ada", "available credits and the journal's sum: 1000 is not 6"),
            ("ada", "grants less captures and what the account has: 6 is not 1000")
        ]
    );
}

#[test]
fn a_full_file_is_an_error_that_passes() {
    let mut file = InFile::new();
    file.ledger().grant(Grant::new(ada(), 1_000_000)).wait().expect("a grant");
    let stands = hold(file.ledger(), 7);
    // The file may not grow; what SQLite then says is what it says of a full disk.
    let ledger = file.open();
    ledger.limit_pages(Some(1)).wait().expect("a limit");
    let before = ledger.balance(ada()).wait().expect("a balance");
    let mut placed = Vec::new();
    let error = loop {
        let request = HoldRequest {
            id: HoldId::new(),
            account: ada(),
            operation: Operation::new("o".repeat(255)).expect("a name"),
            amount: 1,
            lifetime: std::time::Duration::from_secs(60),
            key: None,
        };
        match ledger.hold(request).wait() {
            Ok(hold) => placed.push(hold.hold),
            Err(error) => break error,
        }
        assert!(placed.len() < 10_000, "it never is full");
    };
    assert!(error.is_unavailable() && error.to_string().contains("make room on its disk"), "{error}");
    let after = ledger.balance(ada()).wait().expect("a balance");
    let holds = i64::try_from(placed.len()).expect("a few");
    assert_eq!((after.available, after.held), (before.available - holds, before.held + holds));
    assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);

    ledger.limit_pages(None).wait().expect("a limit");
    for hold in placed {
        ledger.capture(hold, 1).wait().expect("a capture");
    }
    assert!(ledger.capture(stands, 7).wait().expect("a charge").late);
    assert_eq!(ledger.balance(ada()).wait(), Ok(Balance { available: 1_000_000 - holds - 7, held: 0 }));
    assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
}

/// What may be written is for everybody to say but root: a thread without its privileges is told.
#[cfg(target_os = "linux")]
fn without_privileges(deed: impl FnOnce() + Send) {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

    let none = CapabilitySet::empty();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // Of this thread and those that it starts.
            set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
                .expect("whoever has privileges may give them up");
            deed();
        });
        thread.join().expect("no panic");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_or_a_directory_that_is_read_only_is_refused_and_left_as_it_is() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    let mut file = InFile::new();
    file.ledger().grant(Grant::new(ada(), 10)).wait().expect("a grant");
    hold(file.ledger(), 4);
    file.close();
    let (path, before) = (file.path(), fs::read(file.path()).expect("a file"));
    let directory = path.parent().expect("a directory");
    let lock = directory.join("ledger.db-lock");
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
    // The file; its directory, with the lock of a former life in it, and without.
    for round in 0..3 {
        match round {
            0 => set(&path, 0o444),
            1 => set(directory, 0o555),
            _ => {
                fs::remove_file(&lock).expect("a lock");
                set(directory, 0o555);
            }
        }
        without_privileges(|| {
            let (error, words) = refused(&path);
            assert!(error.is_unavailable() && words.contains("must be writable"), "{words}");
        });
        set(directory, 0o755);
        set(&path, 0o644);
        assert!(fs::read(&path).expect("a file") == before, "it was written to");
    }
    // What was held when its life ended is free, and nothing is lost.
    without_privileges(|| {
        let ledger = file.open();
        assert_eq!(ledger.freed_at_start().credits, 4);
        assert_eq!(ledger.balance(ada()).wait(), Ok(Balance { available: 10, held: 0 }));
        assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
    });
}

#[test]
fn a_step_at_fault_does_not_take_those_beside_it_along() {
    let file = InFile::new();
    file.ledger().grant(Grant::new(ada(), 100)).wait().expect("a grant");
    let bob = AccountId::new("bob").expect("a name");
    file.ledger().grant(Grant::new(bob.clone(), 100)).wait().expect("a grant");
    // Bob's row is damaged so that the store refuses to write it.
    let tampering = Connection::open(file.path()).expect("a file");
    let trigger = "CREATE TRIGGER no_bob BEFORE UPDATE ON account WHEN old.name = 'bob'
        BEGIN SELECT raise(ABORT, 'not bob'); END";
    tampering.execute_batch(trigger).expect("a trigger");
    drop(tampering);
    let request = |account: &AccountId| HoldRequest {
        id: HoldId::new(),
        account: account.clone(),
        operation: Operation::new("report").expect("a name"),
        amount: 1,
        lifetime: std::time::Duration::from_secs(60),
        key: None,
    };
    let payers = [bob.clone(), ada()];
    let answers: Vec<_> =
        (0..50).map(|n| (n % 5 == 0, file.ledger().hold(request(&payers[usize::from(n % 5 != 0)])))).collect();
    for (is_bob, answer) in answers {
        assert_eq!(answer.wait().is_err(), is_bob);
    }
    assert_eq!(file.ledger().balance(ada()).wait(), Ok(Balance { available: 60, held: 40 }));
    assert_eq!(file.ledger().balance(bob).wait(), Ok(Balance { available: 100, held: 0 }));
    let page = file.ledger().history(ada(), None, 1000).wait().expect("a history");
    assert_eq!(page.entries.iter().filter(|entry| entry.kind == EntryKind::Hold).count(), 40);
}

/// The months in which an account was granted credits.
fn months(ledger: &dyn Ledger) -> Vec<String> {
    let page = ledger.history(ada(), None, 100).wait().expect("a history");
    page.entries.iter().rev().filter_map(|entry| Some(entry.key.as_ref()?.to_string())).collect()
}

#[test]
fn a_clock_that_jumps_grants_one_month_once() {
    const DAY: Duration = Duration::from_secs(86_400);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.db");
    let month = || Grant::this_month(ada(), 100);
    // One life: the system's clock is not asked again, so what it does is not seen.
    let clock = StoreClock::manual();
    let ledger = Sqlite::open_with_clock(&path, clock.clone()).expect("a ledger");
    assert!(!ledger.grant(month()).wait().expect("a grant").replayed);
    assert!(ledger.grant(month()).wait().expect("a grant").replayed);
    // The ledger's clock decides, not the one of whoever asks, and not when it asks.
    let asked_before = month();
    clock.advance(DAY * 62);
    assert!(!ledger.grant(asked_before).wait().expect("a grant").replayed);
    assert!(ledger.grant(month()).wait().expect("a grant").replayed);
    let granted = months(&ledger);
    assert_eq!(granted.len(), 2, "{granted:?}");
    let held = ledger.hold(request_of(7, Duration::from_secs(60))).wait().expect("a hold");
    drop(ledger);
    // Back two months at a restart: time goes on where the journal ends.
    let clock = StoreClock::manual();
    let ledger = Sqlite::open_with_clock(&path, clock.clone()).expect("a ledger");
    assert!(ledger.grant(month()).wait().expect("a grant").replayed);
    assert_eq!(months(&ledger), granted);
    // A hold lives as long as it is told to.
    let again = ledger.hold(request_of(7, Duration::from_secs(60))).wait().expect("a hold");
    assert!(again.expires_at >= held.expires_at);
    clock.advance(Duration::from_secs(59));
    assert_eq!(ledger.expire(10).wait().expect("a reaper").holds, 0);
    clock.advance(Duration::from_secs(2));
    assert_eq!(ledger.expire(10).wait().expect("a reaper").holds, 1);
    let page = ledger.history(ada(), None, 100).wait().expect("a history");
    assert!(page.entries.is_sorted_by(|newer, older| newer.at >= older.at), "time went back: {:?}", page.entries);
    // And so do months.
    clock.advance(DAY * 31);
    assert!(!ledger.grant(month()).wait().expect("a grant").replayed);
}

fn request_of(amount: i64, lifetime: Duration) -> HoldRequest {
    let operation = Operation::new("report").expect("a name");
    HoldRequest { id: HoldId::new(), account: ada(), operation, amount, lifetime, key: None }
}

#[test]
fn all_who_wait_for_a_locked_file_are_answered_within_one_patience() {
    let file = InFile::new();
    file.ledger().grant(Grant::new(ada(), 1000)).wait().expect("a grant");
    let stands = hold(file.ledger(), 4);
    let other = Connection::open(file.path()).expect("another program");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let start = Instant::now();
    // Some together, some later, and more than go into one transaction.
    let ask = |count: usize| -> Vec<_> {
        (0..count).map(|_| file.ledger().hold(request_of(1, Duration::from_secs(60)))).collect()
    };
    let mut waiting = ask(300);
    let capture = file.ledger().capture(stands, 4);
    std::thread::sleep(Duration::from_millis(500));
    waiting.extend(ask(16));
    // What reads is not kept out.
    assert_eq!(file.ledger().balance(ada()).wait(), Ok(Balance { available: 996, held: 4 }));
    for answer in waiting {
        let error = answer.wait().map(|placed| placed.hold).expect_err("a locked file");
        assert!(error.is_unavailable() && error.to_string().contains("another program keeps it locked"), "{error}");
    }
    assert!(capture.wait().expect_err("a locked file").is_unavailable());
    // 5 seconds, and as much again for a machine that is busy. One after the other they would take 26 minutes.
    assert!(start.elapsed() > Duration::from_secs(4) && start.elapsed() < Duration::from_secs(11));
    // Whoever still waits when it is let go gets what was asked for.
    let waiting = ask(16);
    other.execute_batch("COMMIT").expect("no lock");
    for answer in waiting {
        answer.wait().expect("a hold");
    }
    assert!(!file.ledger().capture(stands, 4).wait().expect("a capture").late);
    assert_eq!(file.ledger().balance(ada()).wait(), Ok(Balance { available: 980, held: 16 }));
    assert_eq!(file.ledger().verify().wait().expect("a ledger").violations, []);
}

#[test]
fn a_look_does_not_wait_for_a_verification() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    let file = InFile::new();
    let grants: Vec<_> = (0..20_000).map(|_| file.ledger().grant(Grant::new(ada(), 1))).collect();
    grants.into_iter().for_each(|grant| assert!(grant.wait().is_ok()));
    // One of them at least: the machine may be busy elsewhere just when it is looked at.
    let overtook = (0..20).any(|_| {
        let mut verified = pin!(file.ledger().verify());
        file.ledger().balance(ada()).wait().expect("a balance");
        let pending = verified.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        if pending {
            // Not two at a time.
            while verified.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                std::thread::yield_now();
            }
        }
        pending
    });
    assert!(overtook, "a balance waits for a verification");
}

#[test]
fn a_journal_that_grew_beside_a_reader_shrinks_when_it_is_done() {
    let file = InFile::new();
    let accounts: Vec<_> = (0..256).map(|n| AccountId::new(format!("{n:0>200}")).expect("a name")).collect();
    let all = || accounts.iter().map(|account| file.ledger().grant(Grant::new(account.clone(), 1_000))).collect();
    let granted: Vec<_> = all();
    granted.into_iter().for_each(|grant| assert!(grant.wait().is_ok()));
    let journal = || fs::metadata(file.path().with_extension("db-wal")).map_or(0, |metadata| metadata.len());
    let reader = Connection::open(file.path()).expect("a reader");
    reader.execute_batch("BEGIN; SELECT count(*) FROM journal;").expect("a state");
    // Ids in no order touch many pages.
    let (mut rounds, operation) = (0, Operation::new("o".repeat(200)).expect("a name"));
    while journal() < 40 << 20 {
        let answers: Vec<_> = accounts
            .iter()
            .map(|account| {
                let (account, operation) = (account.clone(), operation.clone());
                let id = HoldId::from(uuid::Uuid::from_u128(HoldId::new().uuid().as_u128().reverse_bits()));
                file.ledger().hold(HoldRequest { id, account, operation, ..request_of(1, Duration::from_secs(60)) })
            })
            .collect();
        answers.into_iter().for_each(|answer| assert!(answer.wait().is_ok()));
        rounds += 1;
        assert!(rounds < 900, "the journal does not grow beside a reader: {}", journal());
    }
    reader.execute_batch("COMMIT").expect("the end");
    let start = Instant::now();
    // By itself, without a step.
    while journal() > 24 << 20 {
        assert!(start.elapsed() < Duration::from_secs(60), "the journal has {} bytes", journal());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(file.ledger().verify().wait().expect("a ledger").violations, []);
}
