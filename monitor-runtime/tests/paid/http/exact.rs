//! Credits for a tenth of the requests: exactly a tenth of the bodies run, however many clients ask at once, in whichever
//! ledger.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;

use monitor_runtime::credits::{AccountId, Balance, Credits, Grant, Memory};
use monitor_runtime::sample_value;

use super::server::{Client, Server};
use crate::support::eventually;

const REQUESTS: u64 = 10_000;
const CREDITS: i64 = 1_000;

/// An account of this process with the credits.
fn account(credits: &Credits, clients: u64) -> AccountId {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("exact-{}-{clients}-{}", std::process::id(), NUMBER.fetch_add(1, SeqCst));
    let account = AccountId::new(name).expect("a name");
    credits.grant(Grant::new(account.clone(), CREDITS)).wait().expect("granted");
    account
}

/// Sends all requests through so many connections at once, spread over the servers, and asks that exactly those that are
/// paid for are served.
fn requests(servers: &[SocketAddr], clients: u64, account: &AccountId) {
    let (left, served, refused) = (AtomicU64::new(REQUESTS), AtomicU64::new(0), AtomicU64::new(0));
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let server = servers[next.fetch_add(1, SeqCst) % servers.len()];
                let mut client = Client::connect(server, account.as_str());
                while left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
                    let response = client.post("/one");
                    match response.status {
                        200 => served.fetch_add(1, SeqCst),
                        402 => refused.fetch_add(1, SeqCst),
                        _ => panic!("{response:?}"),
                    };
                }
            });
        }
    });
    let credits = CREDITS.unsigned_abs();
    assert_eq!((served.into_inner(), refused.into_inner()), (credits, REQUESTS - credits), "{clients} clients");
}

fn is_spent(credits: &Credits, account: &AccountId) {
    eventually("all is settled", || credits.balance(account.clone()).wait() == Ok(Balance::default()));
    assert_eq!(credits.verify().wait().expect("verified").violations, []);
}

fn exactly_the_thousand(credits: &Credits) {
    for clients in [16, 64, 256] {
        let account = account(credits, clients);
        let server = Server::start(credits);
        requests(&[server.address], clients, &account);
        assert_eq!(server.bodies.began(), CREDITS.unsigned_abs(), "{clients} clients");
        is_spent(credits, &account);
        let used = sample_value("credit_usage_total", &[("operation", "http one"), ("user_id", account.as_str())]);
        assert_eq!(used, Some(CREDITS as f64));
    }
}

#[test]
fn of_ten_thousand_requests_exactly_the_thousand_that_are_paid_for_are_served() {
    exactly_the_thousand(&Credits::new(Memory::new()));
}

#[cfg(feature = "sqlite")]
#[test]
fn the_same_with_a_ledger_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = monitor_runtime::credits::Sqlite::open(folder.path().join("credits.db")).expect("a ledger");
    exactly_the_thousand(&Credits::new(ledger));
}

#[cfg(feature = "postgres")]
mod three_processes {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Child, ChildStdout, Command, Stdio};

    use monitor_runtime::credits::Postgres;

    use super::*;

    const STORE: &str = "MONITOR_PAID_STORE";

    /// This program once more, as a server; it ends when its input does, and says so to its output.
    fn server(store: &str) -> ((Child, BufReader<ChildStdout>), SocketAddr) {
        let mut child = Command::new(std::env::current_exe().expect("a program"))
            .args([
                "--exact",
                "http::exact::three_processes::server_of_the_test_here",
                "--nocapture",
                "--include-ignored",
            ])
            .env(STORE, store)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program once more");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut lines = output.by_ref().lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("serves ")?.parse().ok());
        ((child, output), address.expect("the server says where it is"))
    }

    #[test]
    #[ignore = "is a child of the test below"]
    fn server_of_the_test_here() {
        let Ok(store) = std::env::var(STORE) else { return };
        let credits = Credits::new(Postgres::open(&store).expect("a ledger"));
        let server = Server::start(&credits);
        println!("\nserves {}", server.address);
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run runs it"]
    fn the_same_with_three_servers_and_one_ledger() {
        let store = servers::Postgres::shared().database();
        let credits = Credits::new(Postgres::open(&store).expect("a ledger"));
        // So that the three need not make its tables at once.
        account(&credits, 0);
        let (children, servers): (Vec<_>, Vec<_>) = (0..3).map(|_| server(&store)).unzip();
        for clients in [16, 64, 256] {
            let account = account(&credits, clients);
            requests(&servers, clients, &account);
            is_spent(&credits, &account);
        }
        for (mut child, _output) in children {
            drop(child.stdin.take());
            assert!(child.wait().expect("a child").success());
        }
    }
}
