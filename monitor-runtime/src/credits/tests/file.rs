//! One file, whatever its name; a file that is taken away while it is open; and what is in it after a clean stop.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::super::{
    AccountId, Balance, Credits, CreditsError, Grant, HoldId, HoldRequest, Key, Ledger, Operation, Sqlite,
};

/// A busy machine is not a ledger that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

const TASK: &str = "MONITOR_CREDITS_FILE_TASK";
const STORE: &str = "MONITOR_CREDITS_STORE";

fn ada() -> AccountId {
    AccountId::new("ada").expect("a name")
}

fn report() -> Operation {
    Operation::new("report").expect("a name")
}

fn request(amount: i64) -> HoldRequest {
    HoldRequest {
        id: HoldId::new(),
        account: ada(),
        operation: report(),
        amount,
        lifetime: Duration::from_secs(60),
        key: None,
    }
}

fn sign_up() -> Grant {
    Grant::once(ada(), 100, Key::new("sign-up").expect("a key"))
}

/// This program once more, in this directory, at a task of its own.
fn child(task: &str, store: &Path, directory: &Path) -> Output {
    Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", "credits::tests::file::child_of_the_tests_here", "--nocapture", "--include-ignored"])
        .env(TASK, task)
        .env(STORE, store)
        .current_dir(directory)
        .output()
        .expect("this program once more")
}

#[test]
#[ignore = "is a child of other tests"]
fn child_of_the_tests_here() {
    let Ok(task) = std::env::var(TASK) else { return };
    let store = PathBuf::from(std::env::var_os(STORE).expect("a store"));
    match task.as_str() {
        "open" => match Sqlite::open(&store) {
            Ok(ledger) => println!("\nopened, and freed {}", ledger.freed_at_start().holds),
            Err(error) => println!("\nrefused: {error}"),
        },
        "work and stop" => {
            let credits = Credits::new(Sqlite::open(&store).expect("a ledger"));
            assert!(!credits.grant(sign_up()).wait().expect("a grant").replayed);
            for _ in 0..10 {
                let held = credits.hold(&ada(), &report(), 3).wait().expect("a hold");
                held.capture().wait().expect("a capture");
            }
            drop(credits.hold(&ada(), &report(), 5).wait().expect("a hold"));
            assert_eq!(credits.shutdown(PATIENCE).wait(), Ok(0));
            // The keeper's thread has the ledger open until the process ends, which is now.
        }
        other => panic!("no task: {other}"),
    }
}

/// What another process says that opens the ledger under this name, in this directory.
fn opened_elsewhere(store: &Path, directory: &Path) -> String {
    let output = child("open", store, directory);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.lines().find(|line| line.starts_with("opened") || line.starts_with("refused")).expect("a word").to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_process_is_kept_out_under_every_name_of_the_file() {
    use std::os::unix::fs::symlink;

    let directory = tempfile::tempdir().expect("a directory");
    let of = |name: &str| directory.path().join(name);
    fs::create_dir(of("data")).expect("a directory");
    let path = of("data/ledger.db");
    let ledger = Sqlite::open(&path).expect("a ledger");
    ledger.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    let stands = ledger.hold(request(4)).wait().expect("a hold").hold;

    symlink(&path, of("link.db")).expect("a link");
    symlink("link.db", of("chain.db")).expect("a link");
    symlink(of("data"), of("elsewhere")).expect("a link");
    let names = [
        path.clone(),
        of("link.db"),
        of("chain.db"),
        of("elsewhere/ledger.db"),
        of("data/../data/./ledger.db"),
        "data/ledger.db".into(),
        "chain.db".into(),
    ];
    let refused = |name: &Path, how: &str| {
        let said = opened_elsewhere(name, directory.path());
        assert!(said.starts_with("refused"), "{how} {}: {said}", name.display());
        assert!(said.contains("open in another process"), "{how} {}: {said}", name.display());
    };
    for name in &names {
        refused(name, "as it is,");
    }
    // Nobody but an earlier version needs the lock beside the file.
    fs::remove_file(of("data/ledger.db-lock")).expect("a lock");
    for name in &names {
        refused(name, "without its lock file,");
    }
    fs::hard_link(&path, of("data/second.db")).expect("a link");
    for name in [of("data/second.db"), path.clone()] {
        let said = opened_elsewhere(&name, directory.path());
        assert!(said.starts_with("refused") && said.contains("hard links"), "{said}");
    }
    fs::remove_file(of("data/second.db")).expect("a link");

    // None of them freed what is held.
    assert!(!ledger.capture(stands, 4).wait().expect("a capture").late);
    drop(ledger);
    assert_eq!(opened_elsewhere(Path::new("chain.db"), directory.path()), "opened, and freed 0");
}

#[cfg(unix)]
#[test]
fn a_second_ledger_in_the_same_process_is_refused_under_every_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let of = |name: &str| directory.path().join(name);
    // A link to what is not there yet leads to the file as well.
    std::os::unix::fs::symlink("ledger.db", of("link.db")).expect("a link");
    let ledger = Sqlite::open(of("link.db")).expect("a ledger");
    assert!(fs::symlink_metadata(of("ledger.db")).expect("a file").is_file());
    ledger.grant(Grant::new(ada(), 10)).wait().expect("a grant");
    for name in ["ledger.db", "link.db"] {
        let error = Sqlite::open(of(name)).expect_err("it is open");
        assert!(error.is_unavailable() && error.to_string().contains("open in this process already"), "{error}");
    }
    // The locks of the one that has it stand: another process is kept out still.
    assert!(opened_elsewhere(&of("ledger.db"), directory.path()).contains("open in another process"));
    drop(ledger);
    let ledger = Sqlite::open(of("ledger.db")).expect("a ledger");
    assert_eq!(ledger.balance(ada()).wait().expect("a balance").available, 10);
}

#[cfg(unix)]
#[test]
fn a_file_with_two_names_is_refused_with_what_is_wrong() {
    let directory = tempfile::tempdir().expect("a directory");
    let of = |name: &str| directory.path().join(name);
    drop(Sqlite::open(of("ledger.db")).expect("a ledger"));
    fs::hard_link(of("ledger.db"), of("second.db")).expect("a link");
    for name in ["ledger.db", "second.db"] {
        let error = Sqlite::open(of(name)).expect_err("two names");
        let words = error.to_string();
        assert!(matches!(error, CreditsError::InvalidStore { .. }), "{words}");
        assert!(words.contains("2 names") && words.contains("Keep one name"), "{words}");
    }
    fs::remove_file(of("ledger.db")).expect("a name");
    Sqlite::open(of("second.db")).expect("a ledger");
}

/// How a file is taken away, and how it is put back if that is possible.
#[cfg(target_os = "linux")]
struct Theft {
    how: &'static str,
    /// The words that say what happened.
    says: &'static str,
    take: fn(&Path),
    mend: Option<fn(&Path)>,
}

#[cfg(target_os = "linux")]
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(target_os = "linux")]
const THEFTS: &[Theft] = &[
    Theft {
        how: "deleted",
        says: "deleted or moved away",
        take: |path| fs::remove_file(path).expect("a file"),
        mend: None,
    },
    Theft {
        how: "renamed",
        says: "Move it back",
        take: |path| fs::rename(path, beside(path, ".old")).expect("a file"),
        mend: Some(|path| fs::rename(beside(path, ".old"), path).expect("a file")),
    },
    Theft {
        how: "replaced by an older copy",
        says: "replaced",
        take: |path| {
            fs::write(beside(path, ".new"), "another").expect("a file");
            fs::rename(beside(path, ".new"), path).expect("a file");
        },
        mend: None,
    },
    Theft {
        how: "its journal deleted",
        says: "-wal",
        take: |path| fs::remove_file(beside(path, "-wal")).expect("a file"),
        mend: None,
    },
    Theft {
        how: "its journal moved and put back",
        says: "-wal",
        take: |path| fs::rename(beside(path, "-wal"), beside(path, ".wal")).expect("a file"),
        mend: Some(|path| fs::rename(beside(path, ".wal"), beside(path, "-wal")).expect("a file")),
    },
    Theft {
        how: "its index deleted",
        says: "-shm",
        take: |path| fs::remove_file(beside(path, "-shm")).expect("a file"),
        mend: None,
    },
    Theft {
        how: "with its directory",
        says: "deleted or moved away",
        take: |path| fs::remove_dir_all(path.parent().expect("a directory")).expect("a directory"),
        mend: None,
    },
    Theft {
        how: "with its directory renamed",
        says: "Move it back",
        take: |path| {
            let directory = path.parent().expect("a directory");
            fs::rename(directory, directory.with_extension("old")).expect("a directory");
        },
        mend: Some(|path| {
            let directory = path.parent().expect("a directory");
            fs::rename(directory.with_extension("old"), directory).expect("a directory");
        }),
    },
];

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_taken_away_is_noticed_and_nothing_is_acknowledged_into_it() {
    for Theft { how, says, take, mend } in THEFTS {
        // SQLite makes an index again from the journal.
        let moves = mend.is_some() || *says == "-shm";
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("data")).expect("a directory");
        let path = directory.path().join("data/ledger.db");
        let ledger = Sqlite::open(&path).expect("a ledger");
        ledger.grant(Grant::new(ada(), 100)).wait().expect("a grant");
        let stands = ledger.hold(request(4)).wait().expect("a hold").hold;
        assert_eq!(ledger.health().wait(), Ok(()));

        take(&path);
        let refused = |error: CreditsError| {
            let words = error.to_string();
            assert!(error.is_unavailable() && words.contains(says), "{how}: {words}");
        };
        let start = Instant::now();
        // What was moved is not lost: it is noticed within a tick. What is lost is noticed by the very first step.
        while moves && ledger.expire(1).wait().is_ok() {
            assert!(start.elapsed() < PATIENCE, "{how}: it is not noticed");
        }
        refused(ledger.capture(stands, 4).wait().expect_err("an acknowledged capture"));
        refused(ledger.hold(request(4)).wait().map(|placed| placed.balance).expect_err("a hold"));
        refused(ledger.grant(Grant::new(ada(), 1)).wait().expect_err("a grant"));
        refused(ledger.balance(ada()).wait().expect_err("a balance"));
        refused(ledger.verify().wait().expect_err("a sound ledger"));
        refused(ledger.health().wait().expect_err("health"));

        if let Some(mend) = mend {
            mend(&path);
            assert_eq!(ledger.health().wait(), Ok(()), "{how}");
            assert!(!ledger.capture(stands, 4).wait().expect("a capture").late, "{how}");
            assert_eq!(ledger.balance(ada()).wait(), Ok(Balance { available: 96, held: 0 }), "{how}");
            assert_eq!(ledger.verify().wait().expect("a ledger").violations, [], "{how}");
        }
    }
}

/// The message says how to get a deleted file back, and that is what is done here.
#[cfg(target_os = "linux")]
#[test]
fn a_deleted_file_can_be_copied_back_as_the_message_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.db");
    let ledger = Sqlite::open(&path).expect("a ledger");
    ledger.grant(Grant::new(ada(), 100)).wait().expect("a grant");
    let stands = ledger.hold(request(4)).wait().expect("a hold").hold;
    ledger.capture(stands, 4).wait().expect("a capture");
    fs::remove_file(&path).expect("a file");
    let words = ledger.hold(request(1)).wait().expect_err("a hold").to_string();
    let content = words.split(' ').find(|word| word.starts_with("/proc/")).expect("where it is");
    let copy = directory.path().join("copy.db");
    fs::copy(content, &copy).expect("a copy");
    drop(ledger);
    for beside in ["ledger.db-wal", "ledger.db-shm"] {
        // SQLite cannot say whose they are.
        let _ = fs::remove_file(directory.path().join(beside));
    }
    fs::rename(&copy, &path).expect("a file");
    let ledger = Sqlite::open(&path).expect("a ledger");
    assert!(ledger.capture(stands, 4).wait().expect("the same").replayed);
    assert_eq!(ledger.balance(ada()).wait().expect("a balance").posted(), 96);
    assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
}

/// With no step at all it is noticed within a second, and what was in the journal is in the file.
#[cfg(target_os = "linux")]
#[test]
fn what_is_in_a_deleted_journal_is_brought_into_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.db");
    let ledger = Sqlite::open(&path).expect("a ledger");
    ledger.grant(Grant::new(ada(), 100)).wait().expect("a grant");
    let before = fs::metadata(&path).expect("a file").len();
    fs::remove_file(beside(&path, "-wal")).expect("a journal");
    let start = Instant::now();
    while fs::metadata(&path).expect("a file").len() == before {
        assert!(start.elapsed() < PATIENCE, "it is not noticed");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(ledger);
    let ledger = Sqlite::open(&path).expect("a ledger");
    assert_eq!(ledger.balance(ada()).wait(), Ok(Balance { available: 100, held: 0 }));
}

/// A file that is gone while its journal is there is not begun anew, which would delete the journal.
#[test]
fn a_journal_without_its_file_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.db");
    fs::write(directory.path().join("ledger.db-wal"), "the newest credits").expect("a journal");
    for empty in [false, true] {
        if empty {
            fs::write(&path, "").expect("a file");
        }
        let error = Sqlite::open(&path).expect_err("half a ledger");
        assert!(matches!(error, CreditsError::InvalidStore { .. }), "{error}");
        assert!(error.to_string().contains("restore a backup"), "{error}");
        assert_eq!(path.exists(), empty, "it was left as it was");
    }
    assert_eq!(fs::read(directory.path().join("ledger.db-wal")).expect("a journal"), b"the newest credits");
}

/// What another directory has when the file alone was copied there.
fn only_the_file(path: &Path) -> (tempfile::TempDir, Sqlite) {
    let copy = tempfile::tempdir().expect("a directory");
    fs::copy(path, copy.path().join("copy.db")).expect("a copy");
    let ledger = Sqlite::open(copy.path().join("copy.db")).expect("a ledger");
    (copy, ledger)
}

#[test]
fn after_a_clean_stop_everything_is_in_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.db");
    let output = child("work and stop", &path, directory.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (_directory, ledger) = only_the_file(&path);
    assert_eq!(ledger.freed_at_start().holds, 0);
    assert_eq!(ledger.balance(ada()).wait(), Ok(Balance { available: 70, held: 0 }));
    assert!(ledger.grant(sign_up()).wait().expect("a grant").replayed, "credits were granted anew");
    assert_eq!(ledger.verify().wait().expect("a ledger").violations, []);
}

#[test]
fn after_a_drop_everything_is_in_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.db");
    let ledger = Sqlite::open(&path).expect("a ledger");
    ledger.grant(sign_up()).wait().expect("a grant");
    // Of those that it does not wait for, too.
    let answers: Vec<_> = (0..500).map(|_| ledger.grant(Grant::new(ada(), 1))).collect();
    // Another program may read it meanwhile, which keeps the journal from being deleted.
    let reader = Connection::open(&path).expect("a reader");
    let rows: i64 = reader.query_row("SELECT count(*) FROM account", [], |row| row.get(0)).expect("a row");
    drop(ledger);
    let (_directory, copy) = only_the_file(&path);
    assert_eq!(copy.balance(ada()).wait(), Ok(Balance { available: 600, held: 0 }), "{rows}");
    assert!(answers.into_iter().all(|answer| answer.wait().is_ok()));
}

#[test]
fn a_drop_does_not_wait_for_verifications() {
    let directory = tempfile::tempdir().expect("a directory");
    let ledger = Sqlite::open(directory.path().join("ledger.db")).expect("a ledger");
    let grants: Vec<_> = (0..5_000).map(|_| ledger.grant(Grant::new(ada(), 1))).collect();
    let verified: Vec<_> = (0..2_000).map(|_| ledger.verify()).collect();
    let start = Instant::now();
    drop(ledger);
    // Those that were asked for would take minutes.
    assert!(start.elapsed() < PATIENCE);
    assert!(grants.into_iter().all(|grant| grant.wait().is_ok()));
    let ended = |answer: Result<_, CreditsError>| answer.is_err_and(|error| error.to_string().contains("was dropped"));
    assert!(verified.into_iter().map(super::super::Answer::wait).any(ended));
}

#[test]
fn a_backup_is_made_while_it_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.db");
    let ledger = Sqlite::open(&path).expect("a ledger");
    ledger.grant(sign_up()).wait().expect("a grant");
    let backup = directory.path().join("backup.db");
    let reader = Connection::open(&path).expect("a reader");
    reader.execute("VACUUM INTO ?1", [backup.to_str().expect("text")]).expect("a backup");
    ledger.grant(Grant::new(ada(), 1)).wait().expect("a grant");
    let copy = Sqlite::open(&backup).expect("a ledger");
    assert_eq!(copy.balance(ada()).wait(), Ok(Balance { available: 100, held: 0 }));
    assert!(copy.grant(sign_up()).wait().expect("a grant").replayed);
}

/// A program that reads an older state keeps the newest in the journal, which a flush says.
#[test]
fn a_flush_says_when_a_reader_keeps_the_newest_out_of_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.db");
    let ledger = Sqlite::open(&path).expect("a ledger");
    ledger.grant(sign_up()).wait().expect("a grant");
    let reader = Connection::open(&path).expect("a reader");
    reader.execute_batch("BEGIN; SELECT count(*) FROM journal;").expect("a state");
    ledger.grant(Grant::new(ada(), 1)).wait().expect("a grant");
    let error = ledger.flush().wait().expect_err("a reader");
    assert!(error.is_unavailable() && error.to_string().contains("copy both"), "{error}");
    reader.execute_batch("COMMIT").expect("the end");
    assert_eq!(ledger.flush().wait(), Ok(()));
    assert_eq!(fs::metadata(directory.path().join("ledger.db-wal")).expect("a journal").len(), 0);
    assert_eq!(only_the_file(&path).1.balance(ada()).wait(), Ok(Balance { available: 101, held: 0 }));
}
