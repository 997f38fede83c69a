//! What the suites here share: which compiler the messages are blessed on.

use std::io::Write;
use std::process::Command;

/// The compiler whose messages the `.stderr` files hold.
pub const BLESSED_ON: &str = "1.95.";

/// Whether this is the compiler of the `.stderr` files; when not, it says so where a passing test is seen too.
pub fn blessed_here(suite: &str) -> bool {
    let version = rustc_version();
    let blessed = version.starts_with(&format!("rustc {BLESSED_ON}"));
    if !blessed {
        // Not `eprintln!`, which a passing test keeps to itself.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {suite}: the messages are blessed on Rust {BLESSED_ON}x, and this is {version}"
        );
    }
    blessed
}

fn rustc_version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    match Command::new(rustc).arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => format!("a compiler that does not start ({error})"),
    }
}
