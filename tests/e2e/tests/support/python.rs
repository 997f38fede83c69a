//! Python's two parsers: the script beside the tests, run by a Python that has `prometheus_client`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/parse_both.py");

/// Reads a page in both formats by both parsers: what the script prints when they agree, what it says when they do not.
pub(crate) fn parse_both(text: &str, openmetrics: &str) -> Result<String, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, page: &str| -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, page).expect("a page should be written");
        path
    };
    let python = python();
    let run = |arguments: &[&Path]| -> Output {
        let ran = Command::new(&python).args(arguments).output();
        ran.unwrap_or_else(|error| panic!("`{}` does not run: {error}", python.display()))
    };
    let module = run(&["-c", "import prometheus_client"].map(Path::new));
    assert!(
        module.status.success(),
        "`{}` has no module prometheus_client; `bash tests/run` installs it, or name a Python that has it in MONITOR_PYTHON",
        python.display()
    );
    let pages = [write("page.txt", text), write("page.openmetrics", openmetrics)];
    let output = run(&[Path::new(SCRIPT), &pages[0], &pages[1]]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(printed) } else { Err(printed + &String::from_utf8_lossy(&output.stderr)) }
}

/// The one that is named in MONITOR_PYTHON, else the one that `tests/run` made, else the machine's.
fn python() -> PathBuf {
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python/bin/python");
    match std::env::var_os("MONITOR_PYTHON") {
        Some(named) => PathBuf::from(named),
        None if made.exists() => made,
        None => PathBuf::from("python3"),
    }
}
