//! The demo as a child process on a port of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};

use super::{Answer, Client, Process, Samples, TEXT};

/// The demo's main, built for these tests; it takes nothing from the environment of whoever runs them.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo-app-under-test"));
    for name in ["DEMO_HOST", "DEMO_PORT", "DEMO_METRICS_ADDR", "DEMO_METRICS_TOKEN"] {
        command.env_remove(name);
    }
    command
}

pub(crate) struct Demo {
    pub(crate) client: Client,
    pub(crate) url: String,
    process: Process,
    output: BufReader<ChildStdout>,
}

impl Demo {
    /// Starts the program on a free port and reads from its output which one it is.
    pub(crate) fn start() -> Demo {
        Demo::start_by(program().args(["--port", "0"]))
    }

    /// As `start`, with a command that asks for port 0 in its own way.
    pub(crate) fn start_by(command: &mut Command) -> Demo {
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
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
        Demo { client: Client::of(url), url: url.to_owned(), process, output }
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

    /// Sends the signal of this name and waits for the end: how the program ended, what it printed besides its first
    /// line, and what it complained about.
    pub(crate) fn stop_by(mut self, signal: &str) -> (ExitStatus, String, String) {
        let id = self.process.0.id().to_string();
        // The shell's own `kill`: a bare machine may have no other.
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal, &id]).status();
        assert!(sent.expect("a shell").success(), "{signal} was not sent");
        let status = self.process.ended();
        let (mut printed, mut complaint) = (String::new(), String::new());
        self.output.read_to_string(&mut printed).expect("text");
        let mut stderr = self.process.0.stderr.take().expect("a piped error output");
        stderr.read_to_string(&mut complaint).expect("text");
        (status, printed, complaint)
    }
}
