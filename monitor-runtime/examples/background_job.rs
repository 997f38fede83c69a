//! A job that runs beside the web server: counted, timed, watched for anomalies, and charged to the user who started it.
//!
//!     cargo run -p monitor-runtime --example background_job

use std::error::Error;
use std::thread;

use monitor_runtime::credits::{AccountId, Credits, Grant, Memory};
use monitor_runtime::prometheus::default_registry;
use monitor_runtime::scope::{self, Scope};
use monitor_runtime::{Format, detect_anomalies, encode, instrument, metrics, sample_value, timer, with_credits};

metrics! {
    /// Exports finished
    counter EXPORTS = "exports_total" { format: &'static str };
    /// Exports running now
    gauge EXPORTS_RUNNING = "exports_running" { format: &'static str };
    /// Time to write one part of an export, in seconds
    histogram EXPORT_PART = "export_part_seconds" { format: &'static str } buckets [0.001, 0.01, 0.1, 1.0];
}

#[instrument(counter = EXPORTS, gauge = EXPORTS_RUNNING, format = "csv")]
#[with_credits(cost = 10, operation = "export")]
fn export(parts: usize) -> Result<usize, Box<dyn Error>> {
    for _ in 0..parts {
        let _timer = timer!(EXPORT_PART, format = "csv");
        detect_anomalies("export_part").run(write_part)?;
    }
    Ok(parts)
}

fn write_part() -> Result<(), std::io::Error> {
    Ok(())
}

/// What a request handler does: it starts the job on another thread, on behalf of its own user.
fn start_job() -> thread::JoinHandle<Option<usize>> {
    // The scope is not seen on other threads, so it is taken along.
    let scope = scope::current();
    thread::spawn(move || scope.run(|| export(3).ok()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let credits = Credits::new(Memory::new());
    credits.grant(Grant::new(AccountId::new("ada")?, 25)).wait()?;

    let request = Scope::of("ada").ledger(credits.clone());
    let finished: Vec<_> = (0..3).map(|_| request.run(start_job).join().expect("the job does not panic")).collect();
    assert_eq!(finished, [Some(3), Some(3), None], "25 credits pay for two exports");

    assert_eq!(sample_value("exports_total", &[("format", "csv")]), Some(2.0));
    assert_eq!(sample_value("exports_running", &[("format", "csv")]), Some(0.0));
    assert_eq!(sample_value("export_part_seconds_count", &[("format", "csv")]), Some(6.0));

    let mut page = Vec::new();
    encode(default_registry(), Format::Text, &mut page)?;
    let page = String::from_utf8(page)?;
    page.lines().filter(|line| line.starts_with("export")).for_each(|line| println!("{line}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs_to_its_end() {
        super::main().expect("every step of the example holds");
    }
}
