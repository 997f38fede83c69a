//! Pairs of hold and capture a second, and how long a pair takes, by engine and number of clients; PostgreSQL beside a
//! bare update on the same server, in turn, and how many times its pairs.
//!
//! The CPU time of an engine's own threads says what a busy machine hides: how many pairs a second they could do.
//!
//! `ledger [SECONDS] [ENGINE]`: how long each row is measured, 3 seconds unless written, and which engine alone: `memory`,
//! `sqlite` or `postgres`, which needs PostgreSQL and starts one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use monitor_runtime::credits::{AccountId, Credits, Grant, HoldId, Key, Ledger, Memory, Operation, Postgres, Sqlite};
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

const CLIENTS: [usize; 4] = [1, 16, 64, 256];
const ACCOUNTS: usize = 10_000;
const CONNECTIONS: usize = 16;

fn main() {
    let seconds = std::env::args().nth(1).map_or(3.0, |seconds| seconds.parse().expect("a number of seconds"));
    let duration = Duration::from_secs_f64(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");

    println!("| engine | accounts | clients | pairs/s | p50 ms | p99 ms | its threads' CPU, us a pair |");
    println!("|---|---|---|---|---|---|---|");
    let only = std::env::args().nth(2);
    let wanted = |engine: &str| only.as_deref().is_none_or(|only| only == engine);
    if wanted("memory") {
        engine(&runtime, duration, "memory", Memory::new(), None);
    }
    if wanted("sqlite") {
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = Sqlite::open(directory.path().join("ledger.db")).expect("a ledger");
        engine(&runtime, duration, "SQLite, WAL, synchronous=FULL", ledger, None);
    }
    if wanted("postgres") {
        let server = servers::Postgres::start_durable();
        let url = server.database();
        let ledger = Postgres::builder(&url).connections(CONNECTIONS).open().expect("a ledger");
        let bare = Bare::new(&runtime, &url);
        engine(&runtime, duration, "PostgreSQL", ledger, Some(&bare));
    }
}

/// The rows of one engine: one hot account, then many; beside each what a bare update makes of it, if there is one.
fn engine(runtime: &Runtime, duration: Duration, name: &str, ledger: impl Ledger, bare: Option<&Bare>) {
    let credits = Credits::new(ledger);
    let accounts: Arc<[AccountId]> =
        (0..ACCOUNTS).map(|n| AccountId::new(format!("account {n}")).expect("a name")).collect();
    // Not all at once: a store that is asked for more than it does in time says so.
    for some in accounts.chunks(64) {
        let granted: Vec<_> =
            some.iter().map(|account| credits.grant(Grant::new(account.clone(), 1_000_000_000))).collect();
        for grant in granted {
            grant.wait().expect("a grant");
        }
    }
    let operation = Operation::new("bench").expect("a name");
    let with_key = format!("{name}, with an idempotency key");
    let mut ratios = Vec::new();
    for (used, clients) in [1, ACCOUNTS].into_iter().flat_map(|used| CLIENTS.map(|clients| (used, clients))) {
        for has_key in [false, true] {
            let (credits, accounts, operation) = (credits.clone(), accounts.clone(), operation.clone());
            let row = measured(runtime, duration, clients, move |n| {
                let (credits, operation) = (credits.clone(), operation.clone());
                let account = accounts[n.wrapping_mul(7919) % used].clone();
                async move {
                    let key = has_key.then(|| Key::new(HoldId::new().to_string()).expect("a key"));
                    let held = credits.hold_once(&account, &operation, 5, key).await.expect("a hold");
                    assert!(!held.capture().await.expect("a capture").later);
                }
            });
            row.print(if has_key { &with_key } else { name }, used, clients);
            if let Some(bare) = bare.filter(|_| !has_key) {
                let beside = bare.measured(runtime, duration, used, clients);
                beside.print(&format!("{name}, a bare update twice"), used, clients);
                ratios.push(format!("| {used} | {clients} | {:.2} |", row.rate() / beside.rate()));
            }
        }
    }
    if !ratios.is_empty() {
        println!("\n| accounts | clients | {name}, times the pairs of a bare update twice |\n|---|---|---|");
        ratios.iter().for_each(|ratio| println!("{ratio}"));
    }
    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
}

/// One update of one statement, which is the least that a durable step can be: a pair is two of them.
struct Bare(Pool);

impl Bare {
    fn new(runtime: &Runtime, url: &str) -> Bare {
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(url.parse().expect("a URL"), NoTls, manager);
        let pool = Pool::builder(manager).max_size(CONNECTIONS).build().expect("a pool");
        runtime.block_on(async {
            let client = pool.get().await.expect("a connection");
            let make = "CREATE TABLE bare (id int PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 50);
                INSERT INTO bare SELECT n, 1000000000 FROM generate_series(0, 9999) n";
            client.batch_execute(make).await.expect("a table");
        });
        Bare(pool)
    }

    fn measured(&self, runtime: &Runtime, duration: Duration, used: usize, clients: usize) -> Row {
        let pool = self.0.clone();
        measured(runtime, duration, clients, move |n| {
            let pool = pool.clone();
            let id = (n.wrapping_mul(7919) % used) as i32;
            async move {
                for _ in 0..2 {
                    let client = pool.get().await.expect("a connection");
                    let sql = "UPDATE bare SET n = n - 5 WHERE id = $1 AND n >= 5 RETURNING n";
                    let statement = client.prepare_cached(sql).await.expect("a statement");
                    client.query_one(&statement, &[&id]).await.expect("a row");
                }
            }
        })
    }
}

struct Row {
    took: Duration,
    /// CPU time of the threads of the engines.
    cpu: Duration,
    /// Of each pair, in order.
    latencies: Vec<Duration>,
}

impl Row {
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    fn print(&self, engine: &str, accounts: usize, clients: usize) {
        let at = |share: f64| {
            let index = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len() - 1);
            self.latencies[index].as_secs_f64() * 1e3
        };
        let rate = self.rate();
        let cpu = self.cpu.as_secs_f64() * 1e6 / self.latencies.len() as f64;
        let (p50, p99) = (at(0.5), at(0.99));
        println!("| {engine} | {accounts} | {clients} | {rate:.0} | {p50:.3} | {p99:.3} | {cpu:.1} |");
    }
}

/// So many clients that do one pair after the other for so long.
fn measured<F: Future<Output = ()> + Send>(
    runtime: &Runtime,
    duration: Duration,
    clients: usize,
    pair: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Row {
    runtime.block_on(async {
        let done = Arc::new(AtomicBool::new(false));
        let (start, cpu) = (Instant::now(), engines_cpu());
        let tasks: Vec<_> = (0..clients)
            .map(|client| {
                let (done, pair) = (done.clone(), pair.clone());
                tokio::spawn(async move {
                    let mut latencies = Vec::new();
                    let mut n = client * 31;
                    while !done.load(Ordering::Relaxed) {
                        let start = Instant::now();
                        pair(n).await;
                        latencies.push(start.elapsed());
                        // A ledger in memory never waits, and would keep its thread from all others.
                        tokio::task::yield_now().await;
                        n += clients;
                    }
                    latencies
                })
            })
            .collect();
        tokio::time::sleep(duration).await;
        done.store(true, Ordering::Relaxed);
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.expect("no panic"));
        }
        let took = start.elapsed();
        let cpu = engines_cpu().saturating_sub(cpu);
        latencies.sort_unstable();
        Row { took, cpu, latencies }
    })
}

/// CPU time so far of the threads whose names begin with `credits`; Linux tells it.
fn engines_cpu() -> Duration {
    let mut all = 0;
    for task in std::fs::read_dir("/proc/self/task").expect("Linux tells of its threads").flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        if read("comm").starts_with("credits") {
            all += read("schedstat").split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Duration::from_nanos(all)
}
