//! A program that runs as a server: found, started, watched over, stopped, paused. Which program is for others to say.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use crate::eventually;

/// A port that was free a moment ago; another process may take it before the server does.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Starts a program, or says which package it is in.
pub(crate) fn started(command: &mut Command, package: &str) -> Child {
    match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => panic!(
            "`{}` is not on this machine; install it: `apt-get install {package}` (`bash tests/run` does)",
            command.get_program().display()
        ),
        Err(error) => panic!("`{}` does not start: {error}", command.get_program().display()),
    }
}

/// A running server, and the shell that ends it when this process is gone.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    watch: Watch,
}

impl Server {
    pub(crate) fn new(child: Child, end_by: Signal) -> Server {
        let watch = Watch::over(child.id(), end_by);
        Server { child, watch }
    }

    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop(mut self, signal: Signal) {
        self.resume();
        send(signal, &[self.child.id()]);
        eventually(|| self.has_ended().ok_or_else(|| format!("{signal:?} does not end the server")));
        self.watch.end();
    }

    /// Ends the server and all that it started, without a chance to write anything.
    pub(crate) fn kill(mut self) {
        send(Signal::Kill, &self.family());
        eventually(|| self.has_ended().ok_or_else(|| "a killed server runs on".to_owned()));
        self.watch.end();
    }

    /// Stops the clock of the server: connections stand, and nobody answers.
    pub(crate) fn pause(&self) {
        // Twice, for those that were being started meanwhile.
        send(Signal::Stop, &self.family());
        send(Signal::Stop, &self.family());
    }

    pub(crate) fn resume(&self) {
        send(Signal::Cont, &self.family());
    }

    /// The server's process and its children.
    fn family(&self) -> Vec<u32> {
        let parent = self.child.id();
        let mut family = vec![parent];
        for entry in fs::read_dir("/proc").expect("Linux tells of its processes").flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
            // pid (name) state parent ..; the name may contain anything.
            let after_name = stat.rsplit_once(") ").map(|(_, after)| after);
            if after_name.and_then(|after| after.split(' ').nth(1)) == Some(parent.to_string().as_str()) {
                family.push(id);
            }
        }
        family
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Int,
    Quit,
    Term,
    Kill,
    Stop,
    Cont,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Int => "INT",
            Signal::Quit => "QUIT",
            Signal::Term => "TERM",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Cont => "CONT",
        }
    }
}

/// Sends a signal to processes; those that have ended are no matter.
fn send(signal: Signal, ids: &[u32]) {
    let ids = ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    // The shell's own `kill`: a bare machine may have no other.
    let script = format!("for id in {ids}; do kill -s {} $id 2>/dev/null; done; true", signal.name());
    assert!(Command::new("sh").args(["-c", &script]).status().expect("a shell").success());
}

/// A shell that waits for its input to close, which happens when we close it or are gone.
#[derive(Debug)]
struct Watch {
    shell: Child,
    input: Option<ChildStdin>,
}

impl Watch {
    fn over(id: u32, end_by: Signal) -> Watch {
        let script = "read _; kill -s CONT $0 2>/dev/null; kill -s \"$1\" $0 2>/dev/null";
        let mut shell = Command::new("sh")
            .args(["-c", script, &id.to_string(), end_by.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let input = shell.stdin.take();
        Watch { shell, input }
    }

    /// The server has ended: the shell must not send anything to whoever has its number next.
    fn end(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        self.input = None;
    }
}

/// A directory for a server. When this process is gone without having dropped it, a shell removes it.
#[derive(Debug)]
pub(crate) struct Directory {
    directory: TempDir,
    shell: Child,
    input: Option<ChildStdin>,
}

impl Directory {
    pub(crate) fn new() -> Directory {
        let directory = tempfile::Builder::new().prefix("server-").tempdir().expect("a directory");
        // After the server: its last files come while it ends.
        let script = "read _; for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf \"$0\"; [ -e \"$0\" ] || break; sleep 1; done";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let input = shell.stdin.take();
        Directory { directory, shell, input }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.shell.wait();
    }
}
