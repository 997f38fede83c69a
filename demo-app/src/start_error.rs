//! Why the program does not start: one line each, with the cure.

use std::fmt;
use std::io;
use std::path::PathBuf;

use monitor_runtime::actix::InvalidToken;

/// Why the program does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// An argument that is not understood.
    Argument(clap::Error),
    /// A value that its option cannot have, and where it was given.
    Value {
        /// `--port` or `DEMO_PORT`.
        given_by: String,
        /// What is wrong with it.
        wrong: String,
    },
    /// A token that no header can carry, and where it was given.
    Token {
        /// `--metrics-token` or `DEMO_METRICS_TOKEN`.
        given_by: String,
        /// What is wrong with it.
        source: InvalidToken,
    },
    /// Two metrics clash.
    Metrics(monitor_runtime::RegisterErrors),
    /// The address cannot be listened on.
    Listen {
        /// The host asked for.
        host: String,
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The address of the metrics cannot be listened on.
    ListenForMetrics(io::Error),
    /// The file of limits cannot be taken.
    Limits(monitor_runtime::anomaly::LimitsFileError),
    /// The rules cannot be written.
    WriteRules(io::Error),
    /// The directory, or a file in it, cannot be used.
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another service has the directory.
    DataDirInUse {
        /// Which.
        path: PathBuf,
    },
    /// What keeps the users, or the credits, cannot be used.
    Store {
        /// A file, or what to set.
        place: String,
        /// What is wrong with it.
        wrong: String,
    },
    /// The server stopped by itself.
    Serve(io::Error),
}

impl StartError {
    pub(crate) fn simulation(wrong: impl fmt::Display) -> StartError {
        StartError::Store { place: "the users of --simulate".to_owned(), wrong: wrong.to_string() }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Argument(error) => {
                // The first line says what is wrong; the others are the usage.
                let text = error.render().to_string();
                let first = text.lines().next().unwrap_or_default();
                write!(f, "{}; see --help", first.strip_prefix("error: ").unwrap_or(first))
            }
            StartError::Value { given_by, wrong } => write!(f, "{given_by} {wrong}"),
            StartError::Token { given_by, source } => write!(f, "{given_by}: {source}"),
            StartError::Metrics(errors) => errors.fmt(f),
            StartError::Listen { host, port, source } => match source.kind() {
                io::ErrorKind::AddrInUse => write!(
                    f,
                    "port {port} on {host} is taken; stop what listens there, or choose another with --port or DEMO_PORT (0 takes a free one)"
                ),
                _ => write!(f, "cannot listen on {host}, port {port}: {source}"),
            },
            StartError::ListenForMetrics(error) => match error.kind() {
                io::ErrorKind::AddrInUse => {
                    write!(f, "{error}; choose another address with --metrics-addr or DEMO_METRICS_ADDR")
                }
                _ => error.fmt(f),
            },
            StartError::Limits(error) => write!(f, "--limits: {error}"),
            StartError::WriteRules(error) => write!(f, "the rules cannot be written: {error}"),
            StartError::DataDir { path, source } => {
                write!(f, "{}: {source}; choose another directory with --data-dir or DEMO_DATA_DIR", path.display())
            }
            StartError::DataDirInUse { path } => write!(
                f,
                "{} is in use by another demo-app; stop it, or choose another directory with --data-dir or DEMO_DATA_DIR",
                path.display()
            ),
            StartError::Store { place, wrong } => write!(f, "{place}: {wrong}"),
            StartError::Serve(error) => write!(f, "the server stopped: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Argument(error) => Some(error),
            StartError::Value { .. } | StartError::DataDirInUse { .. } | StartError::Store { .. } => None,
            StartError::Token { source, .. } => Some(source),
            StartError::Metrics(errors) => Some(errors),
            StartError::Limits(error) => Some(error),
            StartError::Listen { source, .. } => Some(source),
            StartError::DataDir { source, .. } => Some(source),
            StartError::ListenForMetrics(error) | StartError::WriteRules(error) | StartError::Serve(error) => {
                Some(error)
            }
        }
    }
}
