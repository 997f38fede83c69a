//! A PostgreSQL that is away, comes back, is slow, breaks connections, is killed; and tables that are not as they should be.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::super::conformance::World;
use super::super::{
    AccountId, Balance, Credits, CreditsError, Entry, EntryKind, Grant, HoldId, Ledger, Operation, Postgres,
};
use super::engines::InServer;

const PATIENCE: Duration = Duration::from_millis(300);

fn ada() -> AccountId {
    AccountId::new("ada").expect("a name")
}

fn report() -> Operation {
    Operation::new("report").expect("a name")
}

fn impatient(url: &str) -> Postgres {
    Postgres::builder(url).patience(PATIENCE).open().expect("a ledger")
}

fn captures(ledger: &dyn Ledger) -> Vec<Entry> {
    let (mut captures, mut before) = (Vec::new(), None);
    loop {
        let page = ledger.history(ada(), before, 1000).wait().expect("a history");
        let kinds = [EntryKind::Capture, EntryKind::LateCapture];
        captures.extend(page.entries.into_iter().filter(|entry| kinds.contains(&entry.kind)));
        before = page.next;
        if before.is_none() {
            return captures;
        }
    }
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn it_disappears_in_the_middle_and_comes_back() {
    let mut server = servers::Postgres::start();
    let url = server.database();
    let credits = Credits::builder(impatient(&url)).build();
    credits.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    let done = credits.hold(&ada(), &report(), 4).wait().expect("a hold");
    let dropped = credits.hold(&ada(), &report(), 1).wait().expect("a hold");

    server.stop();
    let refused = credits.hold(&ada(), &report(), 4).wait().map(|_| ());
    assert!(refused.expect_err("no free work").is_unavailable());
    assert!(credits.balance(ada()).wait().expect_err("no answer").is_unavailable());
    assert!(done.capture().wait().expect("later").later);
    drop(dropped);
    let away = Postgres::builder(&url).patience(PATIENCE).open().expect_err("nobody there");
    assert!(away.is_unavailable(), "{away}");

    server.restart();
    assert_eq!(credits.shutdown(Duration::from_secs(60)).wait(), Ok(0));
    assert_eq!(credits.balance(ada()).wait(), Ok(Balance { available: 6, held: 0 }));
    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn it_does_not_answer_in_time() {
    let server = servers::Postgres::start();
    let url = server.database();
    let credits = Credits::builder(impatient(&url)).build();
    credits.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    let done = credits.hold(&ada(), &report(), 4).wait().expect("a hold");

    server.pause();
    let refused = credits.hold(&ada(), &report(), 1).wait().map(|_| ()).expect_err("no free work");
    assert!(refused.is_unavailable() && refused.to_string().contains("300ms"), "{refused}");
    assert!(done.capture().wait().expect("later").later);

    // What it was asked before the pause it may do now: whatever it does, the numbers come out right.
    server.resume();
    assert_eq!(credits.shutdown(Duration::from_secs(60)).wait(), Ok(0));
    let balance = credits.balance(ada()).wait().expect("a balance");
    assert!(balance.available + balance.held == 6, "{balance:?}");
    assert_eq!(captures(credits.ledger()).len(), 1);
    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
}

/// Workers hold and capture while `disturb` does its worst; then nothing that was acknowledged may be missing.
fn survives(url: &str, disturb: impl FnOnce(&AtomicU64)) {
    // Patient: a restart takes a while.
    let credits = Credits::builder(Postgres::open(url).expect("a ledger")).build();
    credits.grant(Grant::new(ada(), 1_000_000)).wait().expect("a grant");
    let (acknowledged, later) = (Mutex::new(HashSet::<HoldId>::new()), AtomicU64::new(0));
    let (done, pairs, refused) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    match credits.hold(&ada(), &report(), 3).wait() {
                        Ok(held) => {
                            let id = held.id();
                            let settled = held.capture_part(2).wait().expect("a capture");
                            match settled.captured {
                                Some(_) => {
                                    acknowledged.lock().expect("no panic").insert(id);
                                    pairs.fetch_add(1, Ordering::Relaxed);
                                }
                                None => {
                                    later.fetch_add(1, Ordering::Relaxed);
                                }
                            }
                        }
                        Err(error) => {
                            assert!(error.is_unavailable(), "{error}");
                            refused.fetch_add(1, Ordering::Relaxed);
                            thread::yield_now();
                        }
                    }
                }
            });
        }
        disturb(&pairs);
        // It goes on when all is well again.
        let then = pairs.load(Ordering::Relaxed);
        while pairs.load(Ordering::Relaxed) < then + 50 {
            thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(credits.shutdown(Duration::from_secs(60)).wait(), Ok(0));
    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
    let captures = captures(credits.ledger());
    let in_journal: HashSet<_> = captures.iter().filter_map(|entry| entry.hold).collect();
    let acknowledged = acknowledged.into_inner().expect("no panic");
    assert!(acknowledged.is_subset(&in_journal), "an acknowledged capture is lost");
    let later = later.into_inner();
    assert_eq!(captures.len() as u64, acknowledged.len() as u64 + later, "a capture that nobody made");
    let balance = credits.balance(ada()).wait().expect("a balance");
    assert_eq!(balance.posted(), 1_000_000 - 2 * captures.len() as i64);
    println!(
        "{} captures acknowledged, none lost; {later} settled later; {} calls refused meanwhile",
        acknowledged.len(),
        refused.into_inner()
    );
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn its_connections_break_in_the_middle_of_steps() {
    let server = InServer::new();
    survives(&server.url, |pairs| {
        for _ in 0..40 {
            let then = pairs.load(Ordering::Relaxed);
            server.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'monitor-credits' AND datname = current_database()",
            );
            while pairs.load(Ordering::Relaxed) < then + 5 {
                thread::yield_now();
            }
        }
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn it_is_killed_and_started_again() {
    let mut server = servers::Postgres::start();
    let url = server.database();
    survives(&url, |pairs| {
        for _ in 0..3 {
            let then = pairs.load(Ordering::Relaxed);
            while pairs.load(Ordering::Relaxed) < then + 50 {
                thread::yield_now();
            }
            server.kill();
            server.restart();
        }
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn instances_that_start_together_make_one_ledger() {
    let server = servers::Postgres::shared();
    let url = server.database();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let ledger = Postgres::builder(&url).connections(2).open().expect("a ledger");
                let month = Grant::for_period(ada(), 100, "2026-11").expect("a period");
                ledger.grant(month).wait().expect("a grant");
            });
        }
    });
    let ledger = Postgres::open(&url).expect("a ledger");
    assert_eq!(ledger.balance(ada()).wait(), Ok(Balance { available: 100, held: 0 }));
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn tables_that_are_newer_or_another_program_s_are_refused_and_left() {
    let server = InServer::new();
    server.ledger.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    server.sql("UPDATE monitor_credits.version SET version = 99");
    let error = Postgres::open(&server.url).expect_err("newer");
    assert_eq!(error, CreditsError::NewerSchema { found: 99, known: 2 });
    assert_eq!(server.sql("SELECT version FROM monitor_credits.version"), "99\n");
    assert_eq!(server.ledger().balance(ada()).wait(), Ok(Balance { available: 10, held: 0 }));

    server.sql("CREATE SCHEMA other; CREATE TABLE other.account (name text); CREATE TABLE other.version (v text)");
    let error = Postgres::builder(&server.url).schema("other").open().expect_err("another program's");
    assert!(matches!(error, CreditsError::InvalidStore { .. }), "{error}");
    assert_eq!(server.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'other'"), "2\n");

    for sql in [
        "UPDATE monitor_credits.journal SET available = 1",
        "DELETE FROM monitor_credits.journal",
        "DELETE FROM monitor_credits.account",
        "TRUNCATE monitor_credits.account",
        "DELETE FROM monitor_credits.hold",
    ] {
        let kept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.sql(sql)));
        assert!(kept.is_err(), "{sql}");
    }
    server.sql("UPDATE monitor_credits.account SET available = 1000");
    let violations = server.ledger.verify().wait().expect("a ledger").violations;
    assert_eq!(violations.len(), 2, "{violations:?}");
    assert_eq!(violations[0].what, "available credits and the journal's sum: 1000 is not 10");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn tables_of_the_first_version_are_brought_up_to_date_with_what_is_in_them() {
    let server = InServer::new();
    server.ledger.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    let credits = Credits::builder(Postgres::open(&server.url).expect("a ledger")).build();
    let held = credits.hold(&ada(), &report(), 4).wait().expect("a hold");
    // As the first version had made them.
    server.sql(
        "ALTER TABLE monitor_credits.journal ADD FOREIGN KEY (account) REFERENCES monitor_credits.account;
        ALTER TABLE monitor_credits.hold ADD FOREIGN KEY (account) REFERENCES monitor_credits.account;
        ALTER TABLE monitor_credits.hold_key ADD FOREIGN KEY (account) REFERENCES monitor_credits.account;
        ALTER TABLE monitor_credits.hold_key ADD FOREIGN KEY (hold) REFERENCES monitor_credits.hold;
        DROP TRIGGER account_stays ON monitor_credits.account; DROP TRIGGER hold_stays ON monitor_credits.hold;
        DROP FUNCTION monitor_credits.stays; UPDATE monitor_credits.version SET version = 1",
    );
    let again = Postgres::open(&server.url).expect("a ledger");
    assert_eq!(server.sql("SELECT version FROM monitor_credits.version"), "2\n");
    assert_eq!(server.sql("SELECT count(*) FROM pg_constraint WHERE contype = 'f'"), "0\n");
    assert_eq!(again.balance(ada()).wait(), Ok(Balance { available: 6, held: 4 }));
    // Whoever had it open goes on.
    held.capture().wait().expect("a capture");
    assert_eq!(again.balance(ada()).wait(), Ok(Balance { available: 6, held: 0 }));
    assert_eq!(again.verify().wait().expect("a ledger").violations, []);
}

#[test]
fn a_url_that_is_none_is_refused_without_its_password() {
    for url in ["", "mysql://ada:s3cret@host/db", "postgres://ada:s3cret@host:port/db", "host=a password=s3cret port=x"]
    {
        let error = Postgres::open(url).expect_err("no URL").to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
    for schema in ["", "a-b", "A", "x;drop table account", "1a"] {
        let error = Postgres::builder("postgres://localhost/db").schema(schema).open().expect_err("no schema");
        assert!(matches!(error, CreditsError::InvalidStore { .. }), "{error}");
    }
}
