//! What the service says of itself while it runs, on standard error: lines of `tracing`, written by a thread of their
//! own. Whoever does not read them loses lines, and holds nothing up.

use std::fmt::{Display, Formatter, Result as Formatted};
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{fmt, registry};

/// So many lines wait for the reader.
const LINES_MAX: usize = 1_000;

static LINES_LOST: AtomicU64 = AtomicU64::new(0);

/// Which lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel(LevelFilter);

impl LogLevel {
    /// Whoever sends what is no request, or a cookie that is none, fills no log.
    fn of_targets(self) -> Targets {
        let targets = Targets::new().with_default(self.0);
        if self.0 >= LevelFilter::DEBUG {
            return targets;
        }
        targets.with_target("actix_http", LevelFilter::OFF).with_target("actix_session", LevelFilter::ERROR)
    }
}

impl Default for LogLevel {
    fn default() -> LogLevel {
        LogLevel(LevelFilter::WARN)
    }
}

impl FromStr for LogLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<LogLevel, UnknownLevel> {
        let known = ["off", "error", "warn", "info", "debug", "trace"];
        if !known.contains(&text) {
            return Err(UnknownLevel);
        }
        text.parse().map(LogLevel).map_err(|_| UnknownLevel)
    }
}

/// A text that is no [`LogLevel`].
#[derive(Clone, Copy, Debug)]
pub struct UnknownLevel;

impl Display for UnknownLevel {
    fn fmt(&self, f: &mut Formatter<'_>) -> Formatted {
        f.write_str("take off, error, warn, info, debug or trace")
    }
}

impl std::error::Error for UnknownLevel {}

/// Writes from now on, in a program where nobody else does yet.
pub(crate) fn start(level: LogLevel) {
    if level.0 == LevelFilter::OFF {
        return;
    }
    let (lines, written) = sync_channel::<Vec<u8>>(LINES_MAX);
    let writing = move || {
        for line in written {
            let lost = LINES_LOST.swap(0, Ordering::Relaxed);
            let mut error_output = io::stderr().lock();
            if lost > 0 {
                let _ = writeln!(error_output, "demo-app: {lost} lines of the log were lost");
            }
            let _ = error_output.write_all(&line);
        }
    };
    if thread::Builder::new().name("log".to_owned()).spawn(writing).is_err() {
        return;
    }
    let writer = move || Lines(lines.clone());
    // It fails where somebody logs already, who then has our lines too.
    let lines = fmt::layer().with_ansi(false).with_writer(writer);
    let _ = tracing::subscriber::set_global_default(registry().with(lines).with(level.of_targets()));
}

/// Takes each line as one piece, as `fmt` writes it.
struct Lines(SyncSender<Vec<u8>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.try_send(line.to_vec()).is_err() {
            LINES_LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
