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
}

impl Redis {
    /// Starts one, and returns when it answers.
    ///
    /// # Panics
    /// When `redis-server` is not on this machine (the message names its package) or does not start.
    #[must_use]
    pub fn start() -> Redis {
        let mut redis = Redis { server: None, directory: Directory::new(), port: 0 };
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
        let mut server = Server::new(started(&mut command, "redis-server"), Signal::Kill);
        let answers = eventually(|| match server.has_ended() {
            Some(_) => Ok(false),
            None => ping(self.port).map(|()| true),
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

fn ping(port: u16) -> Result<(), String> {
    let ask = || -> std::io::Result<[u8; 5]> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    match ask() {
        Ok(answer) if answer == *b"+PONG" => Ok(()),
        Ok(answer) => Err(format!("Redis is not ready: {}", answer.escape_ascii())),
        Err(error) => Err(format!("Redis does not answer: {error}")),
    }
}
