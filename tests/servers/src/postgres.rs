//! A PostgreSQL cluster on loopback; its data stay while it is stopped, and go with it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::eventually;
use crate::process::{Directory, Server, Signal, free_port, started};

/// How often another process may take the port that was chosen.
const STARTS: u32 = 5;
const PACKAGE: &str = "postgresql";

/// A PostgreSQL cluster of one's own, whose superuser `postgres` needs no password.
#[derive(Debug)]
pub struct Postgres {
    // In this order: the server ends before its directory goes.
    server: Option<Server>,
    directory: Directory,
    port: u16,
    durable: bool,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts one that does not wait for the disk: it survives every end of its processes, but no power cut.
    ///
    /// # Panics
    /// When PostgreSQL is not on this machine (the message names its package) or does not start.
    #[must_use]
    pub fn start() -> Postgres {
        Postgres::new(false)
    }

    /// Starts one as it is by default, for measuring.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_durable() -> Postgres {
        Postgres::new(true)
    }

    /// One for all tests of this process, for those that neither stop nor pause it.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn shared() -> &'static Postgres {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Postgres::start)
    }

    /// Where its database `postgres` is: `postgres://postgres@127.0.0.1:PORT/postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Makes an empty database and gives its URL.
    ///
    /// # Panics
    /// When the server does not make it.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run_sql("postgres", &format!("create database {name}"));
        self.url_of(&name)
    }

    /// Runs SQL by `psql`, and gives what it prints: rows by line, columns by `|`.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn sql(&self, url: &str, sql: &str) -> String {
        let database = url.rsplit('/').next().expect("a name of a database");
        self.run_sql(database, sql)
    }

    /// Ends it as an administrator would; connections break, new ones are refused.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(Signal::Int);
        }
    }

    /// Kills all its processes.
    pub fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }

    /// Starts it again on the same port with its data, after ending it if need be.
    ///
    /// # Panics
    /// When another process took the port.
    pub fn restart(&mut self) {
        self.stop();
        assert!(self.run(), "another process took port {} while PostgreSQL was away", self.port);
    }

    /// Stops the clock of all its processes: connections stand, new ones are taken, and nobody answers.
    pub fn pause(&self) {
        self.server.as_ref().expect("a running PostgreSQL").pause();
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.server.as_ref().expect("a running PostgreSQL").resume();
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts another one that copies what this one writes, and only reads.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn standby(&self) -> Postgres {
        let databases = AtomicU32::new(0);
        let mut standby =
            Postgres { server: None, directory: Directory::new(), port: 0, durable: self.durable, databases };
        give_away(standby.directory.path(), PACKAGE);
        let made = unprivileged(program("pg_basebackup"))
            .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()])
            .args(["--no-sync", "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "-D"])
            .arg(standby.data())
            .current_dir(standby.directory.path())
            .output()
            .unwrap_or_else(|error| panic!("`pg_basebackup` does not start: {error}"));
        assert!(made.status.success(), "no copy: {}", String::from_utf8_lossy(&made.stderr));
        for _ in 0..STARTS {
            standby.port = free_port();
            if standby.run() {
                return standby;
            }
        }
        panic!("{STARTS} free ports were taken before PostgreSQL could listen on them");
    }

    /// Has a [`standby`](Self::standby) write, when it has all that the other one wrote.
    ///
    /// # Panics
    /// When it does not get there.
    pub fn promote(&self, after: &Postgres) {
        let written = after.run_sql("postgres", "select pg_current_wal_lsn()");
        let is_there = format!("select pg_last_wal_replay_lsn() >= '{}'::pg_lsn", written.trim());
        eventually(|| match self.run_sql("postgres", &is_there).trim() {
            "t" => Ok(()),
            _ => Err("the standby has not got everything".to_owned()),
        });
        assert_eq!(self.run_sql("postgres", "select pg_promote()"), "t\n");
    }

    fn new(durable: bool) -> Postgres {
        let databases = AtomicU32::new(0);
        let mut postgres = Postgres { server: None, directory: Directory::new(), port: 0, durable, databases };
        let directory = postgres.directory.path();
        give_away(directory, PACKAGE);
        let made = unprivileged(program("initdb"))
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(postgres.data())
            .current_dir(directory)
            .output()
            .unwrap_or_else(|error| panic!("`initdb` does not start: {error}"));
        assert!(made.status.success(), "no cluster: {}", String::from_utf8_lossy(&made.stderr));
        for _ in 0..STARTS {
            postgres.port = free_port();
            if postgres.run() {
                return postgres;
            }
        }
        panic!("{STARTS} free ports were taken before PostgreSQL could listen on them");
    }

    /// False when the port is taken.
    fn run(&mut self) -> bool {
        let log = self.directory.join("log");
        let output = File::create(&log).expect("a log");
        // A killed server leaves a file that names a process, whose number another may have by now.
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
        let mut command = unprivileged(program("postgres"));
        command.arg("-D").arg(self.data()).arg("-k").arg(self.directory.path());
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", "max_connections=200"]);
        if !self.durable {
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        command.current_dir(self.directory.path()).stdin(Stdio::null());
        command.stdout(output.try_clone().expect("a log")).stderr(output);
        let mut server = Server::new(started(&mut command, PACKAGE), Signal::Quit);
        let answers = eventually(|| match server.has_ended() {
            Some(_) => Ok(false),
            None => self.psql("postgres", "select 1").map(|_| true),
        });
        if answers {
            self.server = Some(server);
            return true;
        }
        let log = fs::read_to_string(&log).expect("the log");
        assert!(log.contains("Address already in use"), "PostgreSQL ended: {log}");
        false
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn run_sql(&self, database: &str, sql: &str) -> String {
        self.psql(database, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(program("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-d", database])
            .args(["-v", "ON_ERROR_STOP=1", "-qAtX", "-c", sql])
            .output()
            .unwrap_or_else(|error| panic!("`psql` does not start: {error}"));
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            // Without a last checkpoint: the data go too.
            server.stop(Signal::Quit);
        }
    }
}

/// A program of the newest PostgreSQL here; Debian keeps all but `psql` off the path.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let found = newest.map(|version| Path::new("/usr/lib/postgresql").join(version.to_string()).join("bin").join(name));
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
    };
    found.filter(|program| program.is_file()).or_else(on_path).unwrap_or_else(|| {
        panic!("`{name}` is not on this machine; install it: `apt-get install {PACKAGE}` (`bash tests/run` does)")
    })
}

/// Gives a directory to the user that servers run as when this process is root, as whom they refuse to run.
pub(crate) fn give_away(directory: &Path, package: &str) {
    if is_root() {
        let status = Command::new("chown").args(["-R", "postgres:"]).arg(directory).status().expect("`chown`");
        assert!(status.success(), "there is no user `postgres`; `apt-get install {package}` makes one");
    }
}

/// A command that does not run as root, who may not run PostgreSQL.
pub(crate) fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells of its processes");
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("a user");
    user.split_whitespace().nth(1) == Some("0")
}
