//! A PgBouncer on loopback in front of a PostgreSQL.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;

use crate::eventually;
use crate::postgres::{Postgres, give_away, unprivileged};
use crate::process::{Directory, Server, Signal, free_port, started};

/// How often another process may take the port that was chosen.
const STARTS: u32 = 5;
const PACKAGE: &str = "pgbouncer";

/// When a client gives its session back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// When it leaves.
    Session,
    /// After each transaction.
    Transaction,
}

/// A PgBouncer of one's own.
#[derive(Debug)]
pub struct PgBouncer {
    // In this order: it ends before its directory goes.
    server: Option<Server>,
    directory: Directory,
    port: u16,
}

impl PgBouncer {
    /// Starts one that leads to all databases of a server, by so many sessions each.
    ///
    /// # Panics
    /// When PgBouncer is not on this machine (the message names its package) or does not start.
    #[must_use]
    pub fn start(to: &Postgres, mode: PoolMode, sessions: u32) -> PgBouncer {
        let mut pgbouncer = PgBouncer { server: None, directory: Directory::new(), port: 0 };
        for _ in 0..STARTS {
            pgbouncer.port = free_port();
            if pgbouncer.run(to, mode, sessions) {
                return pgbouncer;
            }
        }
        panic!("{STARTS} free ports were taken before PgBouncer could listen on them");
    }

    /// The URL of a database of the server, by way of this one.
    ///
    /// # Panics
    /// When the URL names no database.
    #[must_use]
    pub fn url(&self, of: &str) -> String {
        let database = of.rsplit('/').next().expect("a name of a database");
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// False when the port is taken.
    fn run(&mut self, to: &Postgres, mode: PoolMode, sessions: u32) -> bool {
        let mode = match mode {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
        };
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {sessions}\n\
             max_client_conn = 500\n",
            to.port(),
            self.port
        );
        let (file, log) = (self.directory.join("pgbouncer.ini"), self.directory.join("log"));
        fs::write(&file, settings).expect("a file of settings");
        give_away(self.directory.path(), PACKAGE);
        let output = File::create(&log).expect("a log");
        let mut command = unprivileged(program());
        command.arg(&file).current_dir(self.directory.path()).stdin(Stdio::null());
        command.stdout(output.try_clone().expect("a log")).stderr(output);
        let mut server = Server::new(started(&mut command, PACKAGE), Signal::Quit);
        let port = self.port;
        let answers = eventually(|| match server.has_ended() {
            Some(_) => Ok(false),
            None => TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .map(|_| true)
                .map_err(|error| format!("PgBouncer does not listen: {error}")),
        });
        if answers {
            self.server = Some(server);
            return true;
        }
        let log = fs::read_to_string(&log).expect("the log");
        assert!(log.contains("Address already in use"), "PgBouncer ended: {log}");
        false
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(Signal::Quit);
        }
    }
}

/// Debian keeps it off the path of those who are not root.
fn program() -> PathBuf {
    let debian = PathBuf::from("/usr/sbin/pgbouncer");
    if debian.is_file() { debian } else { PathBuf::from("pgbouncer") }
}
