//! The demo on a PostgreSQL that is killed in the middle of paid work, that hangs, and comes back: whoever asks meanwhile
//! is told so in time, nobody works for nothing, and no credit is lost.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Demo, Raw, eventually, program};

/// Who asks by a session, and who by a token; each on several connections.
const CLIENTS: usize = 8;
const GRANTED: i64 = 1_000_000;
/// The demo waits 3 s for its users and 5 s for its ledger; the rest is for a machine that has other things to do.
const BOUND: Duration = Duration::from_secs(25);

/// What clients were answered so far.
#[derive(Default)]
struct Told {
    served: AtomicU64,
    /// By client.
    refused: [AtomicU64; CLIENTS],
    longest: Mutex<Duration>,
}

impl Told {
    /// Asks for one report after the other until it is over. Each is served, or refused with a problem, in time.
    fn ask(&self, demo: &Demo, client: usize, header: &str, over: &AtomicBool) {
        let mut connection = Raw::to(&demo.url);
        while !over.load(SeqCst) {
            let began = Instant::now();
            let request = format!("POST /reports HTTP/1.1\r\nHost: demo\r\n{header}\r\n\r\n");
            connection.send(request.as_bytes()).expect("the demo reads");
            let status = connection.answer(false).expect("an answer");
            let took = began.elapsed();
            assert!(took < BOUND, "{took:?} for {}", connection.head);
            let mut longest = self.longest.lock().expect("no panic while it is held");
            *longest = took.max(*longest);
            drop(longest);
            if status == 200 {
                self.served.fetch_add(1, SeqCst);
                continue;
            }
            let body = String::from_utf8_lossy(&connection.body);
            let problem = connection.head.contains("content-type: application/problem+json\r\n")
                && connection.head.contains("retry-after: ")
                && body.contains(r#""status":503"#);
            assert!(status == 503 && problem, "{}{body}", connection.head);
            self.refused[client].fetch_add(1, SeqCst);
        }
    }

    /// Waits until so many more were served.
    fn serves(&self, more: u64) {
        let then = self.served.load(SeqCst);
        eventually(|| if self.served.load(SeqCst) >= then + more { Ok(()) } else { Err(format!("{self}")) });
    }

    /// Waits until every client was refused once more, so that what it had asked before has ended.
    fn refuses_all(&self) {
        let now = || self.refused.each_ref().map(|refused| refused.load(SeqCst));
        let then = now();
        eventually(|| match now().iter().zip(&then).all(|(now, then)| now > then) {
            true => Ok(()),
            false => Err(format!("{self}")),
        });
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let longest = self.longest.lock().expect("no panic while it is held");
        let served = self.served.load(SeqCst);
        let refused: u64 = self.refused.iter().map(|refused| refused.load(SeqCst)).sum();
        write!(f, "{served} reports, {refused} refusals, {longest:?} at most")
    }
}

/// Ends the clients, also when the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn a_database_that_is_killed_or_hangs_costs_nobody_a_credit_and_gives_none_away() {
    let mut server = servers::Postgres::start();
    let database = server.database();
    let mut command = program();
    command.args(["--port", "0"]).env("DEMO_DATABASE_URL", &database).env("DEMO_ADMIN_TOKEN", "6XKqLJ0zTxV2");
    let demo = Demo::start_by(&mut command);
    let cookie = demo.sign_up("alan");
    let token = demo.client.post_with_cookie("/tokens", &cookie).json()["token"].as_str().expect("a token").to_owned();
    let grant = json!({ "user": "alan", "amount": GRANTED - 100 });
    let admin = [("Authorization", "Bearer 6XKqLJ0zTxV2")];
    assert_eq!(demo.client.send("POST", "/admin/grants", &admin, Some(&grant)).status, 200);

    let bodies = || demo.samples().value(r#"report_latency_seconds_count{report="stock"}"#);
    let (told, over) = (Told::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let _end = End(&over);
        for client in 0..CLIENTS {
            let header = match client % 2 {
                0 => format!("Cookie: {cookie}"),
                _ => format!("Authorization: Bearer {token}"),
            };
            let (demo, told, over) = (&demo, &told, &over);
            scope.spawn(move || told.ask(demo, client, &header, over));
        }
        // Killed in the middle of work, until that has met a report whose work was done and not paid yet.
        for round in 1.. {
            told.serves(10);
            server.kill();
            told.refuses_all();
            // Nothing is under way from before: no report is made.
            let made = bodies();
            told.refuses_all();
            assert_eq!(bodies(), made, "a report that nobody can pay for");
            server.restart();
            told.serves(10);
            if demo.samples().value("credit_settles_retried_total") > 0.0 {
                break;
            }
            assert!(round < 20, "killed {round} times, and never in the middle of a report: {told}");
        }
        // It takes connections, and answers nobody.
        server.pause();
        told.refuses_all();
        server.resume();
        told.serves(10);
    });

    // Every report that was made was given to a client and is paid, and nothing else is.
    let served = told.served.load(SeqCst);
    let paid = 5 * served.cast_signed();
    assert_eq!(bodies(), served as f64);
    let alan = ("Authorization", format!("Bearer {token}"));
    eventually(|| {
        let statement = demo.client.get_with("/credits", (alan.0, &alan.1)).json();
        let number = |name: &str| statement[name].as_i64().expect("a number");
        match (number("available"), number("held")) {
            balance if balance == (GRANTED - paid, 0) => Ok(()),
            other => Err(format!("{other:?} of {GRANTED} after {told}")),
        }
    });
    let verified = demo.client.send("POST", "/admin/verify", &admin, None).json();
    assert_eq!(verified["violations"], json!([]), "{verified}");
    eventually(|| {
        let page = demo.samples();
        let used = page.named("credit_usage_total").values().sum::<f64>();
        let open = page.value("credit_holds_open");
        if used == paid as f64 && open == 0.0 { Ok(()) } else { Err(format!("{used} used of {paid}, {open} open")) }
    });
    let page = demo.samples();
    assert_eq!((page.value("credit_settles_lost_total"), page.value("credit_violations_total")), (0.0, 0.0));
    println!("{told}; {} settles tried again, none lost", page.value("credit_settles_retried_total"));
}
