//! A PostgreSQL that is away, comes back, is slow, breaks connections, is killed, fails over, stands behind a pooler, has an
//! account locked or in a crowd; and tables that are not as they should be.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::conformance::{World, check};
use super::super::{
    AccountId, Answer, Balance, Credits, CreditsError, Entry, EntryKind, Grant, HoldId, HoldRequest, Ledger, Operation,
    Postgres,
};
use super::engines::InServer;
use super::load::calls;

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

/// A session of another program, which keeps an account locked until it is dropped.
struct Locked {
    // In this order: the session ends while its runtime still is there.
    client: tokio_postgres::Client,
    runtime: tokio::runtime::Runtime,
}

fn lock(url: &str, sql: &str) -> Locked {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a session");
        tokio::spawn(connection);
        client.batch_execute(&format!("BEGIN; {sql}")).await.expect("a lock");
        client
    });
    Locked { client, runtime }
}

fn account(n: usize) -> AccountId {
    AccountId::new(format!("account {n}")).expect("a name")
}

fn request(account: &AccountId) -> HoldRequest {
    let lifetime = Duration::from_secs(600);
    HoldRequest { id: HoldId::new(), account: account.clone(), operation: report(), amount: 1, lifetime, key: None }
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn an_account_that_another_session_keeps_locked_holds_nobody_else_up() {
    let server = InServer::new();
    let ledger = Postgres::builder(&server.url).open().expect("a ledger");
    ledger.grant(Grant::new(ada(), 1000)).wait().expect("a grant");
    for n in 0..8 {
        ledger.grant(Grant::new(account(n), 1000)).wait().expect("a grant");
    }
    let done = ledger.hold(request(&ada())).wait().expect("a hold").hold;
    let session = lock(&server.url, "SELECT 1 FROM monitor_credits.account WHERE name = 'ada' FOR UPDATE");

    // As many as could take every connection and every lane, of every kind.
    let mut waiting = Vec::new();
    for _ in 0..40 {
        waiting.push(ledger.hold(request(&ada())));
    }
    let grants: Vec<_> = (0..40).map(|_| ledger.grant(Grant::new(ada(), 1))).collect();
    let captured = ledger.capture(done, 1);
    for round in 0..10 {
        for n in 0..8 {
            let placed = ledger.hold(request(&account(n))).wait();
            let hold = placed.unwrap_or_else(|error| panic!("round {round}: {error}")).hold;
            ledger.capture(hold, 1).wait().unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
        ledger.balance(account(0)).wait().expect("a balance");
        ledger.grant(Grant::new(account(1), 1)).wait().expect("a grant");
        assert_eq!(ledger.expire(10).wait().expect("a reaper").holds, 0);
    }
    drop(session);
    // Those of the account itself either had the patience or not; what they were told is so.
    let held = waiting.into_iter().map(Answer::wait).filter(Result::is_ok).count() as i64;
    let granted = grants.into_iter().map(Answer::wait).filter(Result::is_ok).count() as i64;
    let captured = i64::from(captured.wait().is_ok());
    let balance = ledger.balance(ada()).wait().expect("a balance");
    assert!(balance.held >= held && balance.posted() >= 999 + granted, "{balance:?}");
    assert!(balance.posted() <= 1000 + 40 - captured, "{balance:?}");
    // It goes on as before.
    let hold = ledger.hold(request(&ada())).wait().expect("a hold").hold;
    ledger.capture(hold, 1).wait().expect("a capture");
    assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn a_hold_that_another_session_keeps_locked_holds_nobody_else_up() {
    let server = InServer::new();
    let ledger = Postgres::builder(&server.url).open().expect("a ledger");
    for n in 0..8 {
        ledger.grant(Grant::new(account(n), 1000)).wait().expect("a grant");
    }
    let stuck = ledger.hold(request(&account(0))).wait().expect("a hold").hold;
    let sql = format!("SELECT 1 FROM monitor_credits.hold WHERE id = '{stuck}' FOR UPDATE");
    let session = lock(&server.url, &sql);
    let captured = ledger.capture(stuck, 1);
    for n in (0..8).cycle().take(40) {
        let hold = ledger.hold(request(&account(n))).wait().expect("a hold").hold;
        ledger.capture(hold, 1).wait().expect("a capture");
    }
    drop(session);
    if let Err(error) = captured.wait() {
        assert!(error.is_unavailable(), "{error}");
        ledger.capture(stuck, 1).wait().expect("a capture");
    }
    assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
}

/// Pairs of one account, one after the other: the median of how long they take.
fn median(ledger: &dyn Ledger, account: &AccountId, pairs: usize) -> Duration {
    let mut took: Vec<_> = (0..pairs)
        .map(|_| {
            let start = Instant::now();
            let hold = ledger.hold(request(account)).wait().expect("a hold").hold;
            ledger.capture(hold, 1).wait().expect("a capture");
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[took.len() / 2]
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn a_crowd_at_one_account_leaves_room_for_the_others() {
    let server = InServer::new();
    let credits = Credits::builder(Postgres::open(&server.url).expect("a ledger")).build();
    credits.grant(Grant::new(ada(), 1_000_000_000)).wait().expect("a grant");
    for n in 0..4 {
        credits.grant(Grant::new(account(n), 1_000_000)).wait().expect("a grant");
    }
    let alone: Vec<_> = (0..4).map(|n| median(credits.ledger(), &account(n), 50)).collect();
    let (done, crowd) = (AtomicBool::new(false), AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let beside = thread::scope(|scope| {
        scope.spawn(|| {
            runtime.block_on(async {
                let calls = (0..400).map(|_| async {
                    while !done.load(Ordering::Relaxed) {
                        let held = credits.hold(&ada(), &report(), 1).await.expect("a hold");
                        assert!(!held.capture().await.expect("a capture").later);
                        crowd.fetch_add(1, Ordering::Relaxed);
                    }
                });
                futures_util::future::join_all(calls).await;
            });
        });
        while crowd.load(Ordering::Relaxed) < 400 {
            thread::yield_now();
        }
        let beside: Vec<_> = (0..4).map(|n| median(credits.ledger(), &account(n), 50)).collect();
        done.store(true, Ordering::Relaxed);
        beside
    });
    let ratio = |(alone, beside): (&Duration, &Duration)| beside.as_secs_f64() / alone.as_secs_f64();
    let ratios: Vec<_> = alone.iter().zip(&beside).map(ratio).collect();
    println!("other accounts alone {alone:?}, beside 400 calls of one {beside:?}: {ratios:.1?} times");
    // 1 to 5; it was 390. A busy machine may be unfair to either half, so the bound is wide.
    assert!(ratios.iter().all(|ratio| *ratio < 40.0), "{ratios:?}");
    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
}

/// Counted, not timed: a busy machine makes batches larger, not smaller.
#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn calls_that_come_together_share_transactions() {
    // One of its own: transactions of other tests would be counted too.
    let server = servers::Postgres::start();
    let url = server.database();
    let credits =
        Credits::builder(Postgres::open(&url).expect("a ledger")).reap_every(Duration::from_secs(600)).build();
    let accounts: Vec<_> = (0..500).map(account).collect();
    for account in &accounts {
        credits.grant(Grant::new(account.clone(), 1_000_000)).wait().expect("a grant");
    }
    let transactions = || -> u64 {
        let number = server.sql(&url, "SELECT pg_snapshot_xmax(pg_current_snapshot())");
        number.trim().parse().expect("a number")
    };
    for (clients, used, share) in [(1, 1, 1), (64, 1, 5), (64, 500, 4)] {
        let before = transactions();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let each = 3200 / clients / if clients == 1 { 16 } else { 1 };
        runtime.block_on(async {
            let calls = (0..clients).map(|client| {
                let (credits, accounts) = (&credits, &accounts);
                async move {
                    for n in 0..each {
                        let account = &accounts[(client * 31 + n * 7919) % used];
                        let held = credits.hold(account, &report(), 1).await.expect("a hold");
                        assert!(!held.capture().await.expect("a capture").later);
                    }
                }
            });
            futures_util::future::join_all(calls).await;
        });
        let (taken, steps) = (transactions() - before, (2 * clients * each) as u64);
        println!("{clients} clients, {used} accounts: {steps} steps in {taken} transactions");
        assert!(taken * share <= steps, "{clients} clients, {used} accounts: {steps} steps, {taken} transactions");
    }
    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn holds_beyond_a_bound_are_refused_at_once_and_what_settles_never_is() {
    let server = servers::Postgres::start();
    let url = server.database();
    let ledger = Postgres::builder(&url).patience(Duration::from_secs(60)).open().expect("a ledger");
    ledger.grant(Grant::new(ada(), 100_000)).wait().expect("a grant");
    ledger.grant(Grant::new(account(1), 100)).wait().expect("a grant");
    let done: Vec<_> = (0..300).map(|_| ledger.hold(request(&ada()))).collect();
    let done: Vec<_> = done.into_iter().map(|hold| hold.wait().expect("a hold").hold).collect();

    server.pause();
    let holds: Vec<_> = (0..6000).map(|_| ledger.hold(request(&ada()))).collect();
    let settles: Vec<_> = done.iter().map(|hold| ledger.capture(*hold, 1)).collect();
    let other = ledger.hold(request(&account(1)));
    server.resume();
    for settle in settles {
        settle.wait().expect("a capture");
    }
    other.wait().expect("a hold of another account");
    let (mut placed, mut refused) = (0, 0);
    for hold in holds {
        match hold.wait() {
            Ok(_) => placed += 1,
            Err(error) => {
                assert!(error.is_unavailable() && error.to_string().contains("4096 holds of this account"), "{error}");
                refused += 1;
            }
        }
    }
    // Those of the batches under way are not in line.
    assert!((4096..=4096 + 512).contains(&placed) && placed + refused == 6000, "{placed} placed, {refused} refused");
    assert_eq!(ledger.balance(ada()).wait(), Ok(Balance { available: 100_000 - 300 - placed, held: placed }));
    assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn after_a_failover_it_goes_on_without_a_restart() {
    let primary = servers::Postgres::start();
    let url = primary.database();
    let relay = servers::Relay::start(primary.port());
    let relayed = url.replace(&format!(":{}/", primary.port()), &format!(":{}/", relay.port()));
    let credits = Credits::builder(Postgres::open(&relayed).expect("a ledger")).build();
    for n in 0..8 {
        credits.grant(Grant::new(account(n), 1000)).wait().expect("a grant");
    }
    let standby = primary.standby();
    let pairs = |count: usize| {
        let (ok, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for n in 0..8 {
                let (credits, ok, refused) = (&credits, &ok, &refused);
                scope.spawn(move || {
                    for _ in 0..count {
                        let step = || -> Result<(), CreditsError> {
                            let held = credits.hold(&account(n), &report(), 1).wait()?;
                            assert!(!held.capture().wait()?.later);
                            credits.balance(account(n)).wait().map(drop)
                        };
                        match step() {
                            Ok(()) => ok.fetch_add(1, Ordering::Relaxed),
                            Err(error) => {
                                assert!(error.is_unavailable(), "{error}");
                                refused.fetch_add(1, Ordering::Relaxed)
                            }
                        };
                    }
                });
            }
        });
        (ok.into_inner(), refused.into_inner())
    };
    assert_eq!(pairs(10), (80, 0));
    let open = credits.hold(&account(0), &report(), 1).wait().expect("a hold");

    // The old primary stays up, and only reads.
    primary.sql(&url, "ALTER SYSTEM SET default_transaction_read_only = on");
    primary.sql(&url, "SELECT pg_reload_conf()");
    servers::eventually(|| match credits.hold(&account(1), &report(), 1).wait() {
        Ok(_) => Err("it still writes".to_owned()),
        Err(error) if error.is_unavailable() => Ok(()),
        Err(error) => Err(error.to_string()),
    });
    standby.promote(&primary);
    relay.lead_to(standby.port());

    let (ok, refused) = pairs(10);
    println!("after the failover {ok} of {} calls served, {refused} refused", ok + refused);
    assert_eq!((ok, refused), (80, 0));
    assert!(!open.capture().wait().expect("a capture").later);
    // What is read is the new primary's.
    assert_eq!(credits.shutdown(Duration::from_secs(60)).wait(), Ok(0));
    assert_eq!(credits.balance(account(0)).wait(), Ok(Balance { available: 979, held: 0 }));
    assert_eq!(standby.sql(&url, "SELECT available FROM monitor_credits.account WHERE name = 'account 0'"), "979\n");
    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn of_several_hosts_the_one_that_writes_is_taken() {
    let primary = servers::Postgres::start();
    let url = primary.database();
    let standby = primary.standby();
    let database = url.rsplit('/').next().expect("a database");
    let (first, second) = (standby.port(), primary.port());
    let ledger = Postgres::open(&format!("postgres://postgres@127.0.0.1:{first},127.0.0.1:{second}/{database}"));
    ledger.expect("a ledger").grant(Grant::new(ada(), 10)).wait().expect("a grant");
    let only = format!("postgres://postgres@127.0.0.1:{first}/{database}");
    let error = Postgres::builder(&only).patience(PATIENCE).open().expect_err("it only reads");
    assert!(error.is_unavailable(), "{error}");
}

/// A ledger behind PgBouncer, whose clock is moved past it.
struct Pooled<'a> {
    ledger: Postgres,
    direct: &'a str,
    server: &'a servers::Postgres,
}

impl World for Pooled<'_> {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn advance(&self, duration: Duration) {
        let sql = "UPDATE monitor_credits.hold SET expires_at = expires_at - interval '1 microsecond' * ";
        self.server.sql(self.direct, &format!("{sql}{}", duration.as_micros()));
    }
}

fn is_served_by_pgbouncer(mode: servers::PoolMode, sessions: u32) {
    let server = servers::Postgres::shared();
    let direct = server.database();
    let pgbouncer = servers::PgBouncer::start(server, mode, sessions);
    let open = || {
        let builder = Postgres::builder(&pgbouncer.url(&direct)).connections(8);
        builder.transaction_pooling(mode == servers::PoolMode::Transaction).open().expect("a ledger")
    };
    let world = Pooled { ledger: open(), direct: &direct, server };
    check(&world);
    // Two instances share the sessions.
    let credits = [Credits::new(open()), Credits::new(open())];
    credits[0].grant(Grant::new(ada(), 500)).wait().expect("a grant");
    let counts = thread::scope(|scope| {
        let halves = [&credits[0], &credits[1]].map(|credits| scope.spawn(|| calls(credits, &ada(), 16, 600)));
        halves.map(|half| half.join().expect("no panic"))
    });
    assert_eq!((counts[0].0 + counts[1].0, counts[0].1 + counts[1].1), (500, 700));
    assert_eq!(world.ledger.verify().wait().expect("a ledger").violations, []);
    // Nothing of ours stays in a session that others get.
    let pooled = lock(&pgbouncer.url(&direct), "");
    let left =
        "SELECT count(*) FROM pg_settings WHERE source = 'session' AND name IN ('enable_seqscan', 'lock_timeout')";
    let left = pooled.runtime.block_on(pooled.client.query_typed_one(left, &[])).expect("a row");
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[test]
#[ignore = "needs PostgreSQL and PgBouncer: tests/run runs it"]
fn pgbouncer_serves_it_in_session_mode() {
    is_served_by_pgbouncer(servers::PoolMode::Session, 30);
}

#[test]
#[ignore = "needs PostgreSQL and PgBouncer: tests/run runs it"]
fn pgbouncer_serves_it_in_transaction_mode() {
    is_served_by_pgbouncer(servers::PoolMode::Transaction, 4);
}

#[test]
fn neither_a_builder_nor_an_error_shows_a_password() {
    for url in [
        "postgres://ada:s3cret@127.0.0.1:1/db",
        "postgresql://ada:s3cret@127.0.0.1:1/db?connect_timeout=1",
        "postgres://ada:s3cret%21%40@127.0.0.1:1/db",
        "postgres://ada:%733cret@127.0.0.1:1/db",
        "postgres://ada:not@s3cret@127.0.0.1:1/db",
        "postgres://127.0.0.1:1/db?user=ada&password=s3cret",
        "host=127.0.0.1 port=1 user=ada password=s3cret dbname=db",
        "password='s3cret and more' host=127.0.0.1 port=1",
        "host=127.0.0.1 port=1 password = s3cret options='-c x=s3cret'",
        "host=127.0.0.1 port=1 password=\\s3cret no_such_key=s3cret",
    ] {
        let builder = Postgres::builder(url).patience(Duration::from_millis(50));
        let mut said = vec![format!("{builder:?}"), format!("{builder:#?}"), format!("{:?}", builder.clone())];
        let error = builder.open().expect_err("nobody is there");
        said.extend([error.to_string(), format!("{error:?}"), format!("{error:#?}")]);
        for said in said {
            assert!(!said.contains("s3cret") && !said.contains("%733cret"), "{url}: {said}");
        }
    }
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
