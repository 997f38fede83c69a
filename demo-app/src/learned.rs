//! What the detection learned survives a restart, and its limits can be changed without one.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use actix_web::rt::signal::unix::{SignalKind, signal};
use actix_web::rt::{spawn, time};
use actix_web::web;
use monitor_runtime::anomaly;

use crate::data_dir::DataDir;

const FILE: &str = "learned";
/// So much of what is learned a kill may take.
const SAVED_EVERY: Duration = Duration::from_secs(60);

/// Takes up what an earlier run learned. A damaged file is logged by the library, and learned anew.
pub(crate) fn take(data: &DataDir) {
    let _ = anomaly::restore(data.file(FILE));
}

/// Writes down what was learned, every minute from now on.
pub(crate) fn keep(data: &DataDir) {
    let file = data.file(FILE);
    spawn(async move {
        let mut every = time::interval(SAVED_EVERY);
        every.tick().await;
        loop {
            every.tick().await;
            let file = file.clone();
            // It is tried again in a minute.
            let _ = web::block(move || report(anomaly::save(file))).await;
        }
    });
}

/// Writes it down now.
pub(crate) fn save(data: &DataDir) {
    report(anomaly::save(data.file(FILE)));
}

fn report(saved: io::Result<()>) {
    if let Err(error) = saved {
        tracing::warn!("what the detection learned cannot be saved: {error}");
    }
}

/// Reads the file of limits again at each SIGHUP. With a mistake in it, what held before holds on.
pub(crate) fn read_limits_again(file: PathBuf) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    spawn(async move {
        while hangup.recv().await.is_some() {
            match anomaly::load_limits(&file) {
                Ok(()) => tracing::info!("{} was read again", file.display()),
                Err(error) => tracing::error!("--limits: {error}"),
            }
        }
    });
    Ok(())
}
