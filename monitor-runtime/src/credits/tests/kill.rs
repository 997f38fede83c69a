//! Processes that pay from a ledger, alone and side by side, and are killed in the middle of it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::super::{AccountId, Credits, Grant, HoldId, Ledger};
use super::load::{calls, work};

const LIFETIME: Duration = Duration::from_secs(1);

/// What a child is told to do.
const TASK: &str = "MONITOR_CREDITS_CHILD";

/// Where it keeps captures that are owed.
const OWED: &str = "MONITOR_CREDITS_OWED";

/// This program once more, at another task.
fn child(task: &str, store: &str) -> Child {
    command(task, store).spawn().expect("this program once more")
}

fn command(task: &str, store: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    command
        .args(["--exact", "credits::tests::kill::child_of_the_tests_here", "--nocapture", "--include-ignored"])
        .env(TASK, task)
        .env("MONITOR_CREDITS_STORE", store)
        .stdout(Stdio::piped());
    command
}

#[test]
#[ignore = "is a child of other tests"]
fn child_of_the_tests_here() {
    let Ok(task) = std::env::var(TASK) else { return };
    let store = std::env::var("MONITOR_CREDITS_STORE").expect("a store");
    let mut words = task.split(' ');
    let (engine, what) = (words.next(), words.next());
    let ledger: Arc<dyn Ledger> = match engine {
        #[cfg(feature = "sqlite")]
        Some("sqlite") => Arc::new(super::super::Sqlite::open(&store).expect("a ledger")),
        #[cfg(feature = "postgres")]
        Some("postgres") => Arc::new(super::super::Postgres::open(&store).expect("a ledger")),
        other => panic!("no engine: {other:?}"),
    };
    let builder = Credits::builder(ledger).hold_lifetime(LIFETIME);
    let credits = match std::env::var_os(OWED) {
        Some(path) => builder.owed_captures(path).expect("a file"),
        None if what == Some("answers-early") => builder.settle_within(Duration::ZERO),
        None => builder,
    }
    .build();
    let account = AccountId::new("shared").expect("a name");
    match what {
        Some("calls") => {
            let (ran, refused) =
                calls(&credits, &account, 16, words.next().expect("a number").parse().expect("a number"));
            println!("\nran {ran} {refused}");
        }
        // Until it is killed: a line for each answer, once its call has settled.
        Some("answers" | "answers-early") => thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    loop {
                        let Ok(held) = credits.hold(&account, &work(), 3).wait() else {
                            thread::sleep(Duration::from_millis(2));
                            continue;
                        };
                        let id = held.id();
                        if held.capture_part(2).wait().is_ok() {
                            println!("captured {}", id.uuid());
                        }
                    }
                });
            }
        }),
        // Until it is killed: half of the holds are captured in part, a quarter are dropped, a quarter are kept.
        _ => thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut kept = Vec::new();
                    for n in 0_u64.. {
                        let held = credits.hold(&account, &work(), 3).wait().expect("a hold");
                        match n % 4 {
                            0 => drop(held),
                            1 => kept.push(held),
                            _ => {
                                let id = held.id();
                                if held.capture_part(2).wait().expect("a capture").captured.is_some() {
                                    println!("captured {}", id.uuid());
                                }
                            }
                        }
                        // Those that it forgets about expire.
                        if kept.len() > 20 {
                            kept.drain(..).for_each(std::mem::forget);
                        }
                    }
                });
            }
        }),
    }
}

/// Starts a child at its work and kills it after so many captures were acknowledged: all that were.
fn killed_after(acknowledged: usize, engine: &str, store: &str) -> Vec<HoldId> {
    let mut child = child(&format!("{engine} work"), store);
    let mut output = BufReader::new(child.stdout.take().expect("a piped output"));
    let (mut captured, mut line) = (Vec::new(), String::new());
    while output.read_line(&mut line).expect("text") > 0 {
        if let Some(id) = line.trim_end().strip_prefix("captured ")
            // The last line may be cut.
            && let Ok(id) = id.parse::<uuid::Uuid>()
            && line.ends_with('\n')
        {
            captured.push(HoldId::from(id));
        }
        line.clear();
        if captured.len() == acknowledged {
            child.kill().expect("a running child");
        }
    }
    child.wait().expect("a child");
    assert!(captured.len() >= acknowledged, "the child ended by itself after {}", captured.len());
    captured
}

/// `MONITOR_KILL_ROUNDS` rounds, 3 if it is not set.
fn rounds() -> u64 {
    std::env::var("MONITOR_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3)
}

/// None of these may be lost: captured again, each says that it was before.
fn were_captured(ledger: &dyn Ledger, holds: &[HoldId]) {
    for hold in holds {
        let again = ledger.capture(*hold, 2).wait().expect("the same");
        assert!(again.replayed, "{hold} was acknowledged and is lost");
    }
}

/// A different number of captures each round, the same in every run.
fn captures_of(round: u64) -> usize {
    1 + (round * 7919 % 400) as usize
}

#[derive(Default)]
struct Tally {
    rounds: u64,
    acknowledged: usize,
    orphans: u64,
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_loses_nothing_when_its_process_is_killed() {
    use super::super::Sqlite;

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.db");
    let grant = Grant::new(AccountId::new("shared").expect("a name"), 1_000_000_000);
    Sqlite::open(&path).expect("a ledger").grant(grant).wait().expect("a grant");
    let mut tally = Tally::default();
    for round in 0..rounds() {
        let acknowledged = killed_after(captures_of(round), "sqlite", path.to_str().expect("text"));
        let ledger = Sqlite::open(&path).expect("a ledger");
        assert_eq!(ledger.totals().wait().expect("totals").holds, 0);
        were_captured(&ledger, &acknowledged);
        assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
        tally.rounds += 1;
        tally.acknowledged += acknowledged.len();
        tally.orphans += ledger.freed_at_start().holds;
    }
    let Tally { rounds, acknowledged, orphans } = tally;
    println!(
        "SQLite: {rounds} kills, {acknowledged} captures acknowledged, none lost; {orphans} orphans freed at start"
    );
    assert!(orphans > 0, "there was nothing to free");
}

#[cfg(feature = "postgres")]
mod in_postgres {
    use std::time::Instant;

    use super::super::engines::InServer;
    use super::*;
    use crate::credits::conformance::World;
    use crate::credits::{Balance, Postgres};

    #[test]
    #[ignore = "needs PostgreSQL: tests/run runs it"]
    fn postgres_is_exact_over_three_processes() {
        let server = InServer::new();
        let account = AccountId::new("shared").expect("a name");
        server.ledger.grant(Grant::new(account.clone(), 1000)).wait().expect("a grant");
        let children: Vec<_> =
            [3334, 3333, 3333].iter().map(|calls| child(&format!("postgres calls {calls}"), &server.url)).collect();
        let (mut ran, mut refused) = (0, 0);
        for child in children {
            let output = child.wait_with_output().expect("a child");
            let text = String::from_utf8_lossy(&output.stdout);
            let counts = text.lines().find_map(|line| line.strip_prefix("ran ")).expect("counts");
            let (one, other) = counts.split_once(' ').expect("two");
            ran += one.parse::<u64>().expect("a number");
            refused += other.parse::<u64>().expect("a number");
        }
        assert_eq!((ran, refused), (1000, 9000));
        assert_eq!(server.ledger.balance(account).wait(), Ok(Balance::default()));
        assert_eq!(server.ledger.verify().wait().expect("a ledger").violations, []);
    }

    /// Rounds in which PostgreSQL is killed under load and the instance is killed before PostgreSQL is back: how many
    /// answers were given, and how many of those are not paid in the end.
    fn answers_not_paid(task: &str, owed: Option<&std::path::Path>) -> (usize, usize) {
        let mut server = servers::Postgres::start();
        let url = server.database();
        let account = AccountId::new("shared").expect("a name");
        let grant = Grant::new(account, 1_000_000_000);
        Postgres::open(&url).expect("a ledger").grant(grant).wait().expect("a grant");
        let mut answered = Vec::new();
        for round in 0..rounds() * 2 {
            let mut command = command(&format!("postgres {task}"), &url);
            if let Some(path) = owed {
                command.env(OWED, path);
            }
            let mut child = command.spawn().expect("this program once more");
            let output = BufReader::new(child.stdout.take().expect("a piped output"));
            let (tell, told) = std::sync::mpsc::channel();
            let reader = thread::spawn(move || {
                for line in output.lines().map_while(Result::ok) {
                    if let Some(id) = line.strip_prefix("captured ").and_then(|id| id.parse::<uuid::Uuid>().ok()) {
                        let _ = tell.send(HoldId::from(id));
                    }
                }
            });
            for _ in 0..captures_of(round) {
                answered.push(told.recv().expect("an answer"));
            }
            server.kill();
            // Before, while and after answers are given to those whose capture fails.
            thread::sleep(Duration::from_millis(round * 37 % 250));
            child.kill().expect("a running child");
            child.wait().expect("a child");
            reader.join().expect("no panic");
            answered.extend(told.try_iter());
            server.restart();
        }
        let credits = Credits::builder(Postgres::open(&url).expect("a ledger"));
        let credits = match owed {
            Some(path) => credits.owed_captures(path).expect("a file"),
            None => credits,
        }
        .build();
        assert_eq!(credits.shutdown(Duration::from_secs(60)).wait(), Ok(0));
        let paid = |hold: &HoldId| credits.ledger().capture(*hold, 2).wait().is_ok_and(|captured| captured.replayed);
        let unpaid = answered.iter().filter(|hold| !paid(hold)).count();
        assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
        (answered.len(), unpaid)
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run runs it"]
    fn every_answer_is_paid_when_the_server_and_then_the_process_are_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (answers, unpaid) = answers_not_paid("answers", Some(&folder.path().join("owed")));
        println!("with a file of what is owed: {answers} answers, {unpaid} never paid");
        assert_eq!(unpaid, 0);
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run runs it"]
    fn every_answer_is_paid_where_it_waits_for_its_capture() {
        let (answers, unpaid) = answers_not_paid("answers", None);
        println!("held back until captured: {answers} answers, {unpaid} never paid");
        assert_eq!(unpaid, 0);
    }

    /// What it is like to give answers that neither the ledger nor a file vouches for: for the figure alone.
    #[test]
    #[ignore = "a figure to compare with, not a promise"]
    fn answers_given_early_may_go_unpaid() {
        let (answers, unpaid) = answers_not_paid("answers-early", None);
        println!("given at once: {answers} answers, {unpaid} never paid");
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run runs it"]
    fn postgres_loses_nothing_when_a_process_is_killed() {
        let server = InServer::new();
        // Another instance, whose reaper frees what the killed one leaves.
        let credits = Credits::new(Postgres::open(&server.url).expect("a ledger"));
        let account = AccountId::new("shared").expect("a name");
        credits.grant(Grant::new(account, 1_000_000_000)).wait().expect("a grant");
        let (mut tally, mut longest) = (Tally::default(), Duration::ZERO);
        for round in 0..rounds() {
            let acknowledged = killed_after(captures_of(round), "postgres", &server.url);
            let killed = Instant::now();
            let ledger = server.ledger();
            tally.orphans += ledger.totals().wait().expect("totals").holds;
            were_captured(ledger, &acknowledged);
            // On the server's clock, which nobody moves but time itself.
            while ledger.totals().wait().expect("totals").holds > 0 {
                assert!(killed.elapsed() < LIFETIME + Duration::from_secs(5), "orphans hang");
                thread::sleep(Duration::from_millis(50));
            }
            longest = longest.max(killed.elapsed());
            assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
            tally.rounds += 1;
            tally.acknowledged += acknowledged.len();
        }
        let Tally { rounds, acknowledged, orphans } = tally;
        println!(
            "PostgreSQL: {rounds} kills, {acknowledged} captures acknowledged, none lost; {orphans} orphans, gone \
             {longest:?} after the kill at the latest, of holds that live {LIFETIME:?}"
        );
        assert!(orphans > 0, "there was nothing to free");
    }
}
