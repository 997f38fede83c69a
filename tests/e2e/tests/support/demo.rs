//! The demo as a child process on a port of its own.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use super::{Answer, Client, Process, Samples, TEXT};

/// The demo's main, built for these tests; it takes nothing from the environment of whoever runs them.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo-app-under-test"));
    // A backtrace is longer than a pipe that nobody reads.
    command.env_remove("RUST_BACKTRACE");
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("DEMO_") {
            command.env_remove(name);
        }
    }
    // What it finds on the way is on the page; nobody reads its log unless a test says so.
    command.env("DEMO_LOG", "off");
    command
}

/// The password of whoever signs up here.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// The variable of the directory where a demo keeps what it keeps.
const DATA_DIR: &str = "DEMO_DATA_DIR";

pub(crate) struct Demo {
    pub(crate) client: Client,
    pub(crate) url: String,
    process: Process,
    output: BufReader<ChildStdout>,
    /// Of this demo alone; it goes after the process.
    _data: Option<TempDir>,
}

impl Demo {
    /// Starts the program on a free port and reads from its output which one it is.
    pub(crate) fn start() -> Demo {
        Demo::start_by(program().args(["--port", "0"]))
    }

    /// As `start`, with a command that asks for port 0 in its own way. Unless it says where its data is kept, that is in
    /// a directory of its own.
    pub(crate) fn start_by(command: &mut Command) -> Demo {
        let data = match command.get_envs().any(|(name, value)| name == DATA_DIR && value.is_some()) {
            true => None,
            false => Some(tempfile::tempdir().expect("a directory")),
        };
        if let Some(data) = &data {
            command.env(DATA_DIR, data.path());
        }
        Demo::spawn(command.stderr(Stdio::piped()), data)
    }

    /// As `start_by`, for a command that says where its data is kept; what it logs goes into a file.
    pub(crate) fn start_into(command: &mut Command, log: File) -> Demo {
        Demo::spawn(command.stderr(log), None)
    }

    fn spawn(command: &mut Command, data: Option<TempDir>) -> Demo {
        let spawned = command.stdout(Stdio::piped()).spawn();
        let mut process = Process(spawned.expect("the demo should start"));
        let output = process.0.stdout.take().expect("a piped output");
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line).expect("a line of text");
        let Some(url) = line.trim_end().strip_prefix("demo-app listens on ") else {
            let mut error = String::new();
            if let Some(mut stderr) = process.0.stderr.take() {
                let _ = process.0.kill();
                let _ = stderr.read_to_string(&mut error);
            }
            panic!("the demo printed no URL but {line:?}, and on its standard error {error:?}");
        };
        Demo { client: Client::of(url), url: url.to_owned(), process, output, _data: data }
    }

    /// Reads on in the output to the URL that the page of metrics has.
    pub(crate) fn metrics_url(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).expect("a line of text"), 0, "no line tells of /metrics");
            let url = line.split_whitespace().find_map(|word| word.strip_suffix("/metrics"));
            if let Some(url) = url {
                return url.to_owned();
            }
        }
    }

    pub(crate) fn login(&self, user: &str, password: &str) -> Answer {
        let form = serde_json::json!({ "user": user, "password": password });
        self.client.post_json("/login", &form.to_string())
    }

    /// Signs this user in, and gives the cookie.
    pub(crate) fn cookie(&self, user: &str, password: &str) -> String {
        let answer = self.login(user, password);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.cookie.expect("a session cookie")
    }

    /// Makes a user of this name, signs it in, and gives the cookie.
    pub(crate) fn sign_up(&self, user: &str) -> String {
        let form = serde_json::json!({ "user": user, "password": PASSWORD });
        let answer = self.client.post_json("/signup", &form.to_string());
        assert_eq!(answer.status, 201, "{answer:?}");
        self.cookie(user, PASSWORD)
    }

    /// The page in the text format.
    pub(crate) fn samples(&self) -> Samples {
        Samples::of(&self.client.get_accepting("/metrics", TEXT).body)
    }

    /// How much memory the program has, and has had at most, in KiB; Linux tells it.
    pub(crate) fn memory_kib(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).expect("a running process");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            kib.unwrap_or_else(|| panic!("no {name} in:\n{status}"))
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// Ends the program as a failing machine does: nothing is finished, nothing is said.
    pub(crate) fn kill(mut self) {
        self.kill_now();
        self.process.ended();
    }

    /// As `kill`, while others still look at the demo: the process is gone when the demo is dropped.
    pub(crate) fn kill_now(&self) {
        let id = rustix::process::Pid::from_raw(self.process.0.id().cast_signed()).expect("a process");
        rustix::process::kill_process(id, rustix::process::Signal::KILL).expect("a running process");
    }

    /// Sends the signal of this name.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.0.id().to_string();
        // The shell's own `kill`: a bare machine may have no other.
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal, &id]).status();
        assert!(sent.expect("a shell").success(), "{signal} was not sent");
    }

    /// Sends the signal of this name and waits for the end: how the program ended, what it printed besides its first
    /// line, and what it complained about.
    pub(crate) fn stop_by(mut self, signal: &str) -> (ExitStatus, String, String) {
        self.signal(signal);
        let status = self.process.ended();
        let (mut printed, mut complaint) = (String::new(), String::new());
        self.output.read_to_string(&mut printed).expect("text");
        if let Some(mut stderr) = self.process.0.stderr.take() {
            stderr.read_to_string(&mut complaint).expect("text");
        }
        (status, printed, complaint)
    }
}
