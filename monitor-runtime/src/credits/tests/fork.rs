//! Children that were forked while a ledger was open: each step is answered with the reason, and nothing hangs.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::super::{AccountId, Answer, Credits, CreditsError, Grant, Held, HoldId, HoldRequest, Ledger, Operation};

/// A busy machine is not a child that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

const ENGINE: &str = "MONITOR_CREDITS_FORKS";
const STORE: &str = "MONITOR_CREDITS_STORE";
const REPORT: &str = "MONITOR_CREDITS_REPORT";

/// A process of its own opens the ledger and forks: the tests beside this one have threads that hold locks.
fn forks(engine: &str, store: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let report = directory.path().join("report");
    let child = Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", "credits::tests::fork::child_of_the_tests_here", "--nocapture", "--include-ignored"])
        .env(ENGINE, engine)
        .env(STORE, store)
        .env(REPORT, &report)
        .spawn()
        .expect("this program once more");
    let status = ended(child);
    let report = fs::read_to_string(&report).unwrap_or_default();
    assert!(status.is_some_and(|status| status.success()), "{engine}: {status:?}, the forked child said:\n{report}");
    assert!(report.ends_with("done\n"), "{engine}: {report}");
}

/// How it ended, in time.
fn ended(mut child: Child) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE * 2 {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("a child that hangs");
    child.wait().expect("a child");
    None
}

fn ada() -> AccountId {
    AccountId::new("ada").expect("a name")
}

fn report() -> Operation {
    Operation::new("report").expect("a name")
}

fn open(engine: &str, store: &str) -> Arc<dyn Ledger> {
    match engine {
        #[cfg(feature = "sqlite")]
        "sqlite" => Arc::new(super::super::Sqlite::open(store).expect("a ledger")),
        #[cfg(feature = "postgres")]
        "postgres" => Arc::new(super::super::Postgres::open(store).expect("a ledger")),
        other => panic!("no engine: {other} at {store}"),
    }
}

#[test]
#[ignore = "is a child of other tests"]
fn child_of_the_tests_here() {
    let Ok(engine) = std::env::var(ENGINE) else { return };
    let store = std::env::var(STORE).expect("a store");
    let said = std::env::var(REPORT).expect("a file");
    let ledger = open(&engine, &store);
    // The threads of a ledger in use keep it alive in the child; this one's last owner is dropped there.
    let bare = open(&engine, &if engine == "sqlite" { format!("{store}-bare") } else { store });
    let credits = Credits::new(ledger.clone());
    credits.grant(Grant::new(ada(), 100)).wait().expect("a grant");
    let (captured, dropped) = (credits.hold(&ada(), &report(), 5), credits.hold(&ada(), &report(), 7));
    let (captured, dropped) = (captured.wait().expect("a hold"), dropped.wait().expect("a hold"));

    #[expect(unsafe_code, reason = "the test is of fork, which nothing else does")]
    // SAFETY: the child leaves by `_exit`, and the threads that it lacks are what is tested.
    let forked = unsafe { libc::fork() };
    assert!(forked >= 0, "no fork");
    if forked == 0 {
        let handles = (ledger, credits, captured, dropped, bare);
        let sound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| in_the_child(&engine, handles, &said)));
        #[expect(unsafe_code, reason = "the harness must not go on in the child")]
        // SAFETY: it ends this process, and runs nothing.
        unsafe {
            libc::_exit(i32::from(sound.is_err()))
        }
    }
    let start = Instant::now();
    let mut status = 0;
    loop {
        #[expect(unsafe_code, reason = "what was forked by hand is waited for by hand")]
        // SAFETY: the child is this process's, and `status` outlives the call.
        let waited = unsafe { libc::waitpid(forked, &raw mut status, libc::WNOHANG) };
        if waited == forked {
            break;
        }
        if start.elapsed() > PATIENCE {
            #[expect(unsafe_code, reason = "a child that hangs is ended")]
            // SAFETY: it has not been waited for, so the id is still the child's.
            unsafe {
                libc::kill(forked, libc::SIGKILL);
            }
            panic!("the forked child hangs after: {}", fs::read_to_string(&said).unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(status, 0, "the forked child failed");

    // In the process that opened it nothing has changed.
    assert_eq!(ledger.balance(ada()).wait().expect("a balance").available, 88);
    assert!(!captured.capture().wait().expect("a capture").later);
    drop(dropped);
    assert_eq!(credits.shutdown(PATIENCE).wait(), Ok(0));
    let balance = ledger.balance(ada()).wait().expect("a balance");
    assert_eq!((balance.available, balance.held), (95, 0));
    assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
}

type Handles = (Arc<dyn Ledger>, Credits, Held, Held, Arc<dyn Ledger>);

/// What the forked child tries; what it has done so far is in the file `said`.
fn in_the_child(engine: &str, (ledger, credits, captured, dropped, bare): Handles, said: &str) {
    let mut so_far = String::new();
    let mut tried = |what: &str| {
        so_far = format!("{so_far}{what}\n");
        fs::write(Path::new(said), &so_far).expect("a file");
    };
    fn refused<T: std::fmt::Debug>(result: Result<T, CreditsError>) {
        let error = result.expect_err("an answer of a ledger that is another process's");
        assert!(error.is_unavailable() && error.to_string().contains("before a fork"), "{error}");
    }
    fn waited<T: std::fmt::Debug>(answer: Answer<T>) {
        refused(answer.wait());
    }
    let request = HoldRequest {
        id: HoldId::new(),
        account: ada(),
        operation: report(),
        amount: 3,
        lifetime: Duration::from_secs(60),
        key: None,
    };
    tried("grant");
    waited(ledger.grant(Grant::new(ada(), 10)));
    tried("hold");
    waited(ledger.hold(request));
    tried("settle");
    waited(ledger.capture(captured.id(), 5));
    waited(ledger.void(captured.id()));
    waited(ledger.extend(captured.id(), Duration::from_secs(60)));
    tried("look");
    waited(ledger.balance(ada()));
    waited(ledger.history(ada(), None, 10));
    waited(ledger.totals());
    waited(ledger.verify());
    waited(ledger.expire(10));
    tried("a handle's hold");
    refused(credits.hold(&ada(), &report(), 3).wait());
    tried("a handle's grant");
    waited(credits.grant(Grant::new(ada(), 10)));
    waited(credits.balance(ada()));
    waited(credits.verify());
    tried("a handle's capture");
    refused(captured.capture().wait());
    tried("a handle's drop");
    drop(dropped);
    drop(credits.hold(&ada(), &report(), 3));
    tried("shutdown");
    waited(credits.shutdown(PATIENCE));
    tried("drop");
    drop(credits);
    drop(ledger);
    tried("drop of the last owner");
    assert_eq!(Arc::strong_count(&bare), 1);
    drop(bare);
    tried("open again");
    #[cfg(feature = "postgres")]
    if engine == "postgres" {
        let store = std::env::var(STORE).expect("a store");
        let again = open(engine, &store);
        assert_eq!(again.balance(ada()).wait().expect("a balance").available, 88);
    }
    #[cfg(not(feature = "postgres"))]
    let _ = engine;
    tried("done");
}

#[cfg(feature = "sqlite")]
#[test]
fn a_child_forked_while_a_file_is_open_is_told_so() {
    let directory = tempfile::tempdir().expect("a directory");
    forks("sqlite", directory.path().join("ledger.db").to_str().expect("text"));
}

#[cfg(feature = "postgres")]
#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn a_child_forked_while_a_server_is_open_is_told_so() {
    forks("postgres", &super::engines::InServer::new().url);
}
