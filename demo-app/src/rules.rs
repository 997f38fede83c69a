//! The files of `monitoring/` that are written from the code: rules, their tests, the dashboard.

use std::path::Path;

use monitor_runtime::rules::Rules;

use crate::StartError;

/// What Prometheus calls the demo; `monitoring/prometheus` names it too.
const JOB: &str = "demo";

/// Writes the files below `directory`.
///
/// # Errors
/// What the file system says.
pub fn write_rules(directory: &Path) -> Result<(), StartError> {
    rules().write(directory).map_err(StartError::WriteRules)
}

fn rules() -> Rules {
    Rules::of_this_program(JOB).family("active_users").family("user_sessions_total")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_monitoring_are_those_of_the_code() {
        let monitoring = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring");
        for file in rules().files() {
            let found = std::fs::read_to_string(monitoring.join(file.path)).unwrap_or_default();
            assert!(
                found == file.text,
                "demo-app/monitoring/{} is stale: `cargo run -p demo-app -- --write-rules demo-app/monitoring`",
                file.path
            );
        }
    }
}
