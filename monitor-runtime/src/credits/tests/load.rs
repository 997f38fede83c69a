//! Many callers at a time: exactly as many are served as there are credits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::{AccountId, Balance, Credits, CreditsError, Grant, Ledger, Memory, Operation};

pub(super) fn work() -> Operation {
    Operation::new("work").expect("a name")
}

/// So many calls by so many tasks of one credit each: how many bodies ran, and how many were refused.
pub(super) fn calls(credits: &Credits, account: &AccountId, clients: u64, calls: u64) -> (u64, u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..clients)
            .map(|client| {
                let (credits, account, counts) = (credits.clone(), account.clone(), counts.clone());
                let share = calls / clients + u64::from(client < calls % clients);
                tokio::spawn(async move {
                    for _ in 0..share {
                        match credits.hold(&account, &work(), 1).await {
                            Ok(held) => {
                                counts.0.fetch_add(1, Ordering::Relaxed);
                                tokio::task::yield_now().await;
                                assert!(!held.capture().await.expect("a capture").later);
                            }
                            Err(CreditsError::Insufficient { .. }) => {
                                counts.1.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    (counts.0.load(Ordering::Relaxed), counts.1.load(Ordering::Relaxed))
}

/// Credits for 1,000 of 10,000 calls, at 16, 64 and 256 clients.
fn is_exact(ledger: impl Ledger) {
    let credits = Credits::new(ledger);
    for clients in [16, 64, 256] {
        let account = AccountId::new(format!("{clients} clients")).expect("a name");
        credits.grant(Grant::new(account.clone(), 1000)).wait().expect("a grant");
        assert_eq!(calls(&credits, &account, clients, 10_000), (1000, 9000), "{clients} clients");
        assert_eq!(credits.balance(account).wait(), Ok(Balance::default()));
    }
    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
}

#[test]
fn memory_is_exact() {
    is_exact(Memory::new());
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_is_exact() {
    let directory = tempfile::tempdir().expect("a directory");
    is_exact(super::super::Sqlite::open(directory.path().join("ledger.db")).expect("a ledger"));
}

#[cfg(feature = "postgres")]
#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn postgres_is_exact() {
    let server = super::engines::InServer::new();
    is_exact(super::super::Postgres::open(&server.url).expect("a ledger"));
}
