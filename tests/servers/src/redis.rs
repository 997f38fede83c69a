//! A Redis on loopback; what it knows is gone when it stops.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::eventually;
use crate::process::{Directory, Server, Signal, free_port, started};

/// How often another process may take the port that was chosen.
const STARTS: u32 = 5;

/// A Redis of one's own.
#[derive(Debug)]
pub struct Redis {
    // In this order: the server ends before its directory goes.
    server: Option<Server>,
    directory: Directory,
    port: u16,
    is_cluster: bool,
}

impl Redis {
    /// Starts one, and returns when it answers.
    ///
    /// # Panics
    /// When `redis-server` is not on this machine (the message names its package) or does not start.
    #[must_use]
    pub fn start() -> Redis {
        Redis::start_as(false)
    }

    /// Starts one that is a Redis Cluster of a single node, which has all slots: a command whose keys have different
    /// ones is refused there.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_cluster() -> Redis {
        let redis = Redis::start_as(true);
        eventually(|| ask(redis.port, b"CLUSTER ADDSLOTSRANGE 0 16383\r\n", b"+OK"));
        redis
    }

    fn start_as(is_cluster: bool) -> Redis {
        let mut redis = Redis { server: None, directory: Directory::new(), port: 0, is_cluster };
        for _ in 0..STARTS {
            redis.port = free_port();
            if redis.run() {
                return redis;
            }
        }
        panic!("{STARTS} free ports were taken before Redis could listen on them");
    }

    /// Where it listens: `redis://127.0.0.1:PORT/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Ends it; connections break, new ones are refused.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(Signal::Term);
        }
    }

    /// Starts it again on the same port, empty, after ending it if need be.
    pub fn restart(&mut self) {
        self.stop();
        assert!(self.run(), "another process took port {} while Redis was away", self.port);
    }

    /// Stops its clock: connections stand, new ones are taken, and nobody answers.
    pub fn pause(&self) {
        self.server.as_ref().expect("a running Redis").pause();
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.server.as_ref().expect("a running Redis").resume();
    }

    /// False when the port is taken.
    fn run(&mut self) -> bool {
        let log = self.directory.join("log");
        let output = File::create(&log).expect("a log");
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(self.directory.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log"))
            .stderr(output);
        if self.is_cluster {
            command.args(["--cluster-enabled", "yes", "--cluster-port", &free_port().to_string()]);
        }
        let mut server = Server::new(started(&mut command, "redis-server"), Signal::Kill);
        let answers = eventually(|| match server.has_ended() {
            Some(_) => Ok(false),
            None => ask(self.port, b"PING\r\n", b"+PONG").map(|()| true),
        });
        if answers {
            self.server = Some(server);
            return true;
        }
        let log = fs::read_to_string(&log).expect("the log");
        assert!(log.contains("Address already in use"), "Redis ended: {log}");
        false
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }
}

/// Whether it answers like this.
fn ask(port: u16, command: &[u8], expected: &[u8]) -> Result<(), String> {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(command)?;
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    match ask() {
        Ok(answer) if answer == expected => Ok(()),
        Ok(answer) => Err(format!("Redis is not ready: {}", answer.escape_ascii())),
        Err(error) => Err(format!("Redis does not answer: {error}")),
    }
}
