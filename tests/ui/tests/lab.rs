//! What rustc and clippy say of a function, they say with our attribute too: nothing more, nothing less, nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ui::lab::{Difference, Lab, Lints, Said, each, files, without_attributes};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

static LAB: LazyLock<Lab> = LazyLock::new(|| Lab::new("ui", &["monitor_runtime", "async_trait", "tracing", "ui"]));

/// The attributes under which each body stands, one a shape of the expansion.
const ATTRIBUTES: [&str; 6] = [
    "#[monitor_runtime::instrument(counter = metrics::CALLS)]",
    "#[monitor_runtime::instrument(counter = metrics::CALLS, histogram = metrics::LATENCY, gauge = metrics::RUNNING)]",
    "#[monitor_runtime::track_latency(metrics::LATENCY)]",
    "#[monitor_runtime::instrument(counter = metrics::RESULTS, on = \"any\", outcome, result = |_any| \"any\")]",
    "#[monitor_runtime::with_credits(cost = 5, crate = crate::any_return_type)]",
    "#[monitor_runtime::detect_anomalies(\"lab\", latency_threshold = 0.5)]",
];

/// Stands beside the bodies, so that those whose type could carry no refusal are compared too.
const ANY_RETURN_TYPE: &str = include_str!("../lab/any_return_type.rs");

/// What the attributes name; it stands below the body, so that no line moves.
const METRICS: &str = r#"
#[allow(dead_code, missing_docs, reason = "not every attribute needs every metric")]
mod metrics {
    monitor_runtime::metrics! {
        /// Calls
        pub(crate) counter CALLS = "lab_calls_total";
        /// Calls by result
        pub(crate) counter RESULTS = "lab_results_total" { outcome: monitor_runtime::Outcome, result: &'static str };
        /// Seconds
        pub(crate) histogram LATENCY = "lab_latency_seconds";
        /// In flight
        pub(crate) gauge RUNNING = "lab_running";
    }
}
"#;

/// Of this rustc says the same in another way where the body stands in a future of its own: that the closure outlives what
/// it borrows, and not that what it borrows does not live long enough.
const SAID_ANOTHER_WAY: [&str; 1] = ["lab/broken/closure_outlives_its_argument_async.rs"];

fn name(file: &Path) -> String {
    file.strip_prefix(PACKAGE).unwrap_or(file).display().to_string()
}

fn report(differences: Vec<Option<String>>) {
    let all: Vec<String> = differences.into_iter().flatten().collect();
    assert!(all.is_empty(), "{} differ:\n{}", all.len(), all.join("\n"));
}

fn valid() -> Vec<PathBuf> {
    ["instrument/pass", "track_latency/pass", "detect_anomalies/pass", "with_credits/pass"]
        .iter()
        .flat_map(|folder| files(PACKAGE, folder))
        .collect()
}

#[test]
fn a_valid_function_gets_the_same_lints() {
    report(each(&valid(), |file| said_of_a_valid_function(file, Lints::Rustc)));
}

#[test]
fn a_valid_function_gets_the_same_lints_of_clippy() {
    report(each(&valid(), |file| said_of_a_valid_function(file, Lints::Clippy)));
}

fn said_of_a_valid_function(file: &Path, lints: Lints) -> Option<String> {
    let (name, with) = (name(file), fs::read_to_string(file).expect("a case"));
    let without = without_attributes(&with);
    assert_ne!(with, without, "{name} has no attribute of ours");
    let without = LAB.hear(&format!("{name}-{lints:?}-without"), &without, lints, "2024");
    assert!(!without.iter().any(Said::is_error), "{name} is not valid: {without:?}");
    let with = LAB.hear(&format!("{name}-{lints:?}-with"), &with, lints, "2024");
    let difference = Difference::between(&without, &with).except_lost(lints.lost());
    (!difference.is_none()).then(|| format!("{name}\n{difference}"))
}

#[test]
fn a_valid_function_compiles_in_edition_2021_too() {
    report(each(&valid(), |file| {
        let (name, mut source) = (name(file), fs::read_to_string(file).expect("a case"));
        if !source.contains("no_implicit_prelude") && !source.contains("trait Future") {
            source += "#[allow(unused_imports, reason = \"the prelude of 2021 lacks it\")]\nuse std::future::Future;\n";
        }
        let said = LAB.hear(&format!("{name}-2021"), &source, Lints::Default, "2021");
        let errors: Vec<String> = said.iter().filter(|said| said.is_error()).map(Said::to_string).collect();
        (!errors.is_empty()).then(|| format!("{name}\n{}", errors.join("\n")))
    }));
}

/// Compares, for each file of a folder, the body alone with the body under each of `attributes`.
fn compare(folder: &str, attributes: &[&str], lints: Lints) -> Vec<Option<String>> {
    const PLACE: &str = "#[attribute]";
    let cases: Vec<_> = files(PACKAGE, folder).into_iter().map(|file| (name(&file), file)).collect();
    each(&cases, |(name, file)| {
        let source = fs::read_to_string(file).expect("a case") + METRICS + ANY_RETURN_TYPE;
        assert!(source.contains(PLACE), "{name} has no {PLACE}");
        let without = LAB.hear(&format!("{name}-{lints:?}-without"), &source.replace(PLACE, "//"), lints, "2024");
        if lints != Lints::Rustc {
            assert!(!without.is_empty(), "{name}: nothing is said of it");
        }
        let mut differences = String::new();
        for (number, attribute) in attributes.iter().enumerate() {
            let with =
                LAB.hear(&format!("{name}-{lints:?}-{number}"), &source.replace(PLACE, attribute), lints, "2024");
            let difference = Difference::between(&without, &with).except_lost(lints.lost());
            if attribute.contains("with_credits")
                && difference.added.iter().any(|said| said.is_error() && said.code.is_empty())
            {
                // The function returns nothing, or never: the macro says so, and gives the function back as it was.
                continue;
            }
            if !difference.is_none() {
                differences += &format!("  under {attribute}\n{difference}");
            }
        }
        match (SAID_ANOTHER_WAY.contains(&name.as_str()), differences.is_empty()) {
            (true, true) => Some(format!("{name}\n  is the same now: take it off the list\n")),
            (false, false) => Some(format!("{name}\n{differences}")),
            _ => None,
        }
    })
}

#[test]
fn a_broken_body_gets_the_same_errors() {
    report(compare("lab/broken", &ATTRIBUTES, Lints::Default));
}

#[test]
fn a_careless_body_gets_the_same_lints() {
    report(compare("lab/careless", &ATTRIBUTES, Lints::Rustc));
}

#[test]
fn a_careless_body_gets_the_same_lints_of_clippy() {
    report(compare("lab/careless", &ATTRIBUTES[1..], Lints::Clippy));
}
