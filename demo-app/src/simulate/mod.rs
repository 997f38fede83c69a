//! Traffic of the service's own, so that there is something to see at once: a few users who sign in, look, work, run out
//! of credits and top up, now and then an error, and once in a while an endpoint that is told to fail. The same seed
//! makes the same traffic, and there is never more of it than a few requests a second, but where a crowd is asked for.

mod client;

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fastrand::Rng;

use self::client::Client;
use crate::faults::{Fault, Faults};
use crate::problem::Problem;
use crate::random;
use crate::users::Users;

const USERS: u64 = 6;
/// The pause of a user between two requests, in milliseconds: 0.4 s to 1.2 s, so that all together ask 8 times a second.
const PAUSE_MS: (u64, u64) = (400, 800);
/// What all together ask a second, but for the time that answers take.
pub(crate) const REQUESTS_A_SECOND: f64 = USERS as f64 * 1e3 / (PAUSE_MS.0 as f64 + PAUSE_MS.1 as f64 / 2.0);
/// What is asked for, and how many times of a hundred; the rest is of many kinds.
pub(crate) const CHOSEN: [(&str, u64); 5] =
    [("/items", 40), ("/items/{id}", 20), ("/reports", 18), ("/reports/flaky", 8), ("/forecasts", 6)];
/// How often a user asks in a row for what is crowded.
const CROWD: u32 = 20;
/// How often an endpoint is told to fail or to be slow, and for how long.
const FAULT_EVERY: Duration = Duration::from_secs(90);
const FAULT_S: u64 = 12;
/// How often is told what was done: on a terminal in one line, elsewhere in lines.
const TOLD_EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How long a pause may last before it is looked whether all is over.
const NAP: Duration = Duration::from_millis(100);

/// Traffic that goes on until this is dropped.
pub(crate) struct Simulation {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What was done so far.
#[derive(Default)]
struct Done {
    requests: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

/// One simulated user.
struct User {
    client: Client,
    login: String,
    chance: Rng,
    faults: Faults,
}

impl Simulation {
    /// Makes the users, who get new passwords that nobody knows, and lets them go.
    pub(crate) async fn start(
        address: SocketAddr,
        seed: u64,
        users: &Users,
        faults: &Faults,
    ) -> Result<Simulation, Problem> {
        let done = Arc::new(Done::default());
        let mut simulation = Simulation { over: Arc::default(), threads: Vec::new() };
        let address = reachable(address);
        for number in 0..USERS {
            let (name, password) = (format!("sim-{}", number + 1), random::hexadecimal()?);
            users.set_password(&name, password.clone()).await?;
            let user = User {
                client: Client::to(address),
                login: serde_json::json!({ "user": name, "password": password }).to_string(),
                chance: Rng::with_seed(seed.wrapping_mul(USERS).wrapping_add(number)),
                faults: faults.clone(),
            };
            let (over, done) = (simulation.over.clone(), done.clone());
            simulation.spawn(&name, move || user.live(number == 0, &over, &done))?;
        }
        let over = simulation.over.clone();
        simulation.spawn("sim-told", move || tell(seed, &over, &done))?;
        Ok(simulation)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Problem> {
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(spawned.map_err(|error| Problem::Internal(error.to_string()))?);
        Ok(())
    }

    /// Tells all that it is over, without a wait: their last answers come while the service stops.
    pub(crate) fn end(&self) {
        self.over.store(true, Relaxed);
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.end();
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl User {
    /// `breaks` now and then tells an endpoint to fail or to be slow.
    fn live(mut self, breaks: bool, over: &AtomicBool, done: &Done) {
        let login = self.login.clone();
        self.ask("POST", "/login", Some(&login), done);
        let mut next_fault = Instant::now() + FAULT_EVERY / 3;
        while !over.load(Relaxed) {
            if breaks && Instant::now() >= next_fault {
                next_fault += FAULT_EVERY;
                let fault = if self.chance.bool() { "failing" } else { "slow" };
                let json = format!(r#"{{"endpoint":"/items","fault":"{fault}","seconds":{FAULT_S}}}"#);
                self.ask("POST", "/monitoring/faults", Some(&json), done);
            } else {
                self.act(done);
            }
            let pause = Duration::from_millis(PAUSE_MS.0 + self.chance.u64(..PAUSE_MS.1));
            rest(pause, over);
        }
        self.ask("POST", "/logout", None, done);
    }

    fn act(&mut self, done: &Done) {
        let mut chosen = self.chance.u64(..100);
        for (endpoint, share) in CHOSEN {
            if chosen < share {
                let times = match self.faults.of_traffic(endpoint, Instant::now()) {
                    Some(Fault::Deserted) => 0,
                    Some(_) => CROWD,
                    None => 1,
                };
                return (0..times).for_each(|_| self.visit(endpoint, done));
            }
            chosen -= share;
        }
        match chosen {
            0..3 => self.ask("GET", "/credits", None, done),
            3..5 => {
                let login = self.login.clone();
                self.ask("POST", "/logout", None, done);
                self.ask("POST", "/login", Some(&login), done);
            }
            5 => self.ask("GET", "/monitoring/test-error", None, done),
            6 => self.ask("GET", "/monitoring/test-slow?seconds=1.2", None, done),
            _ => self.ask("GET", "/nothing", None, done),
        }
    }

    fn visit(&mut self, endpoint: &str, done: &Done) {
        match endpoint {
            "/items/{id}" => {
                let item = format!("/items/{}", self.chance.u64(1..=6));
                self.ask("GET", &item, None, done);
            }
            "/reports" | "/reports/flaky" => self.pay(endpoint, None, done),
            "/forecasts" => {
                let json = format!(r#"{{"years":{}}}"#, self.chance.u64(1..=10));
                self.pay(endpoint, Some(&json), done);
            }
            _ => self.ask("GET", endpoint, None, done),
        }
    }

    /// Whoever has not enough tops up.
    fn pay(&mut self, path: &str, json: Option<&str>, done: &Done) {
        if self.status("POST", path, json, done) == Some(402) {
            self.ask("POST", "/credits/top-up", Some(r#"{"amount":100}"#), done);
        }
    }

    fn ask(&mut self, method: &str, path: &str, json: Option<&str>, done: &Done) {
        self.status(method, path, json, done);
    }

    fn status(&mut self, method: &str, path: &str, json: Option<&str>, done: &Done) -> Option<u16> {
        let status = self.client.ask(method, path, json).ok();
        done.requests.fetch_add(1, Relaxed);
        match status {
            Some(400..500) => done.refused.fetch_add(1, Relaxed),
            Some(500..) | None => done.failed.fetch_add(1, Relaxed),
            Some(_) => 0,
        };
        status
    }
}

/// Sleeps, but not on when it is over.
fn rest(pause: Duration, over: &AtomicBool) {
    let until = Instant::now() + pause;
    while !over.load(Relaxed) {
        match until.checked_duration_since(Instant::now()) {
            None | Some(Duration::ZERO) => return,
            Some(left) => thread::sleep(left.min(NAP)),
        }
    }
}

/// Says on standard error what was done, until it is over.
fn tell(seed: u64, over: &AtomicBool, done: &Done) {
    let on_terminal = io::stderr().is_terminal();
    let every = if on_terminal { TOLD_EVERY.0 } else { TOLD_EVERY.1 };
    let began = Instant::now();
    let line = |done: &Done| {
        let [requests, refused, failed] = [&done.requests, &done.refused, &done.failed].map(|n| n.load(Relaxed));
        let seconds = began.elapsed().as_secs();
        format!(
            "simulating (seed {seed}): {USERS} users, {seconds} s, {requests} requests, {refused} refused, {failed} failed"
        )
    };
    while !over.load(Relaxed) {
        // Nobody may be reading, and that is no reason to stop.
        let _ = match on_terminal {
            true => write!(io::stderr(), "\r{} ", line(done)),
            false => writeln!(io::stderr(), "{}", line(done)),
        };
        rest(every, over);
    }
    if on_terminal {
        let _ = writeln!(io::stderr(), "\r{} ", line(done));
    }
}

/// An address to connect to, for one to listen on.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port())
}
