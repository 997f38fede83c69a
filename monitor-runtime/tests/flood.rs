//! A flood of clients, most of whom reset their requests, against a server of its own process: each body that came to its
//! end is paid, and nothing else is. In every ledger, with one account and with many, and with a crowd of connections.
//!
//! A body writes a line into a file as its last act. A body that was dropped on the way, because its client left, has no
//! line and costs nothing. So there are exactly as many lines as credits were taken, once all is settled.
//!
//! `MONITOR_FLOOD_SECONDS` says how long each flood lasts, 3 unless set, and `MONITOR_FLOOD_CONNECTIONS` how large the
//! crowd is, 1,000 unless set.
#![cfg(feature = "actix")]

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::dev::ServiceRequest;
use actix_web::{App, HttpResponse, HttpServer, post, web};
use monitor_runtime::actix::OnBehalf;
use monitor_runtime::credits::{AccountId, Credits, Grant, Ledger, Memory};
use monitor_runtime::{sample_value, with_credits};

const CREDITS: i64 = 100_000_000;

/// What the child is told.
const ENGINE: &str = "MONITOR_FLOOD_ENGINE";
const STORE: &str = "MONITOR_FLOOD_STORE";
const ACCOUNTS: &str = "MONITOR_FLOOD_ACCOUNTS";
const LINES: &str = "MONITOR_FLOOD_LINES";

fn number(name: &str, unless: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(unless)
}

fn account(n: u64) -> AccountId {
    AccountId::new(format!("account {n}")).expect("a name")
}

#[post("/work")]
#[with_credits(cost = 1, operation = "flood")]
async fn work(lines: web::Data<File>) -> HttpResponse {
    actix_web::rt::time::sleep(Duration::from_millis(1)).await;
    // One write of a file that is opened for appending: it is there even if this process is killed now.
    (&**lines).write_all(b".\n").expect("a line");
    HttpResponse::Ok().finish()
}

#[test]
#[ignore = "is a child of other tests"]
fn child_of_the_tests_here() {
    let Ok(engine) = std::env::var(ENGINE) else { return };
    let store = std::env::var(STORE).expect("a store");
    let ledger: Arc<dyn Ledger> = match engine.as_str() {
        "memory" => Arc::new(Memory::new()),
        #[cfg(feature = "sqlite")]
        "sqlite" => Arc::new(monitor_runtime::credits::Sqlite::open(store).expect("a ledger")),
        #[cfg(feature = "postgres")]
        "postgres" => Arc::new(monitor_runtime::credits::Postgres::open(&store).expect("a ledger")),
        other => panic!("no engine: {other} {store}"),
    };
    let accounts = number(ACCOUNTS, 1);
    let credits = Credits::new(ledger);
    for n in 0..accounts {
        credits.grant(Grant::new(account(n), CREDITS)).wait().expect("a grant");
    }
    let lines = std::env::var(LINES).expect("a file");
    let lines = web::Data::new(OpenOptions::new().append(true).create(true).open(lines).expect("a file"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let ledger = credits.clone();
    actix_web::rt::System::new().block_on(async move {
        let payer = |request: &ServiceRequest| {
            request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned)
        };
        let app =
            move || App::new().app_data(lines.clone()).wrap(OnBehalf::of(payer).ledger(ledger.clone())).service(work);
        let server = HttpServer::new(app).workers(2).max_connections(20_000).backlog(8192).disable_signals();
        let server = server.listen(listener).expect("a listener").run();
        let handle = server.handle();
        let served = actix_web::rt::spawn(server);
        println!("\nlistens {address}");
        // Until the parent says so, or is gone.
        let told = web::block(|| std::io::stdin().read_line(&mut String::new()));
        told.await.expect("a thread").expect("an input");
        handle.stop(true).await;
        served.await.expect("no panic").expect("served");
    });
    let left = credits.shutdown(Duration::from_secs(120)).wait().expect("settled");
    let taken: i64 =
        (0..accounts).map(|n| CREDITS - credits.balance(account(n)).wait().expect("a balance").posted()).sum();
    let lost = sample_value("credit_settles_lost_total", &[]).unwrap_or_default();
    let violations = credits.verify().wait().expect("a ledger").violations.len();
    println!("\ntook {taken} {left} {lost} {violations}");
}

/// What a flood came to.
#[derive(Debug, Default)]
struct Flood {
    resets: AtomicU64,
    served: AtomicU64,
    unavailable: AtomicU64,
}

impl Flood {
    /// Waits for an answer.
    fn read(&self, mut socket: TcpStream) {
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        let mut head = [0; 12];
        // One that the server had no room for is none of those that are counted.
        if socket.read_exact(&mut head).is_err() {
            return;
        }
        match &head[9..] {
            b"200" => self.served.fetch_add(1, Relaxed),
            b"503" => self.unavailable.fetch_add(1, Relaxed),
            _ => panic!("{}", head.escape_ascii()),
        };
    }
}

fn ask(address: SocketAddr, account: u64) -> Option<TcpStream> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_nodelay(true).ok()?;
    let request = format!(
        "POST /work HTTP/1.1\r\nhost: flood\r\nauthorization: Bearer account {account}\r\ncontent-length: 0\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).ok()?;
    Some(socket)
}

/// About 120 sockets at a time: most reset their request, at once or a little later.
fn resets(address: SocketAddr, accounts: u64, until: Instant, flood: &Flood) {
    thread::scope(|scope| {
        for client in 0..8_u64 {
            scope.spawn(move || {
                let mut n = client * 7919;
                while Instant::now() < until {
                    let sockets: Vec<_> = (0..15).filter_map(|m| ask(address, (n + m * 31) % accounts)).collect();
                    n += 15;
                    // From none of the bodies begun to most of them ended.
                    thread::sleep(Duration::from_micros([0, 300, 1500, 4000, 10_000][(n / 15 % 5) as usize]));
                    for (m, socket) in sockets.into_iter().enumerate() {
                        if m % 8 == 7 {
                            flood.read(socket);
                            continue;
                        }
                        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
                        drop(socket);
                        flood.resets.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
}

/// So many connections, each with a request, before any answer is read.
fn crowd(address: SocketAddr, accounts: u64, connections: u64, flood: &Flood) {
    let sockets: Vec<_> = (0..connections).filter_map(|n| ask(address, n % accounts)).collect();
    sockets.into_iter().for_each(|socket| flood.read(socket));
}

/// Those beside each other would share the machine, and each flood is enough for one.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn is_paid(engine: &str, store: &str, accounts: u64) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = tempfile::tempdir().expect("a directory");
    let lines = directory.path().join("bodies");
    let mut child = Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", "child_of_the_tests_here", "--nocapture", "--include-ignored"])
        .env(ENGINE, engine)
        .env(STORE, if engine == "sqlite" { directory.path().join("ledger.db").into_os_string() } else { store.into() })
        .env(ACCOUNTS, accounts.to_string())
        .env(LINES, &lines)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program once more");
    let mut output = BufReader::new(child.stdout.take().expect("an output"));
    let mut said = |word: &str| {
        let mut line = String::new();
        while output.read_line(&mut line).expect("text") > 0 {
            if let Some(rest) = line.trim_end().strip_prefix(word) {
                return rest.trim().to_owned();
            }
            line.clear();
        }
        panic!("the server ended without a word of what it {word}");
    };
    let address: SocketAddr = said("listens").parse().expect("an address");

    let flood = Flood::default();
    let connections = number("MONITOR_FLOOD_CONNECTIONS", 1000);
    let until = Instant::now() + Duration::from_secs(number("MONITOR_FLOOD_SECONDS", 3));
    resets(address, accounts, until, &flood);
    crowd(address, accounts, connections, &flood);

    // Its input ends, and it settles what is left.
    drop(child.stdin.take());
    let took = said("took");
    assert!(child.wait().expect("a child").success());
    let bodies = fs::read(&lines).expect("the lines").iter().filter(|byte| **byte == b'\n').count();
    let (resets, served, unavailable) = (flood.resets.into_inner(), flood.served.into_inner(), flood.unavailable);
    let unavailable = unavailable.into_inner();
    println!(
        "{engine}, {accounts} accounts: {resets} resets, {served} answers of 200, {unavailable} of 503, {bodies} bodies came \
         to their end; credits taken, settles left, settles lost, violations: {took}"
    );
    assert_eq!(took, format!("{bodies} 0 0 0"), "{engine}, {accounts} accounts");
    assert!(resets > 0 && served > 0 && bodies as u64 >= served);
}

#[test]
fn memory_is_paid_for_each_body() {
    is_paid("memory", "", 1);
    is_paid("memory", "", 300);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_is_paid_for_each_body() {
    is_paid("sqlite", "", 1);
    is_paid("sqlite", "", 300);
}

#[cfg(feature = "postgres")]
#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn postgres_is_paid_for_each_body() {
    for accounts in [1, 300] {
        is_paid("postgres", &servers::Postgres::shared().database(), accounts);
    }
}
