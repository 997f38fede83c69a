//! What rustc and clippy say of a function, they say with our attribute too: nothing more, nothing less, nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ui::lab::{Difference, Lab, Lints, Said, each, files, on_one_line, without_attributes};

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
    let (name, source) = (name(file), fs::read_to_string(file).expect("a case"));
    let mut differences = String::new();
    for (form, with) in forms(&source) {
        let without = without_attributes(&with);
        assert_ne!(with, without, "{name} has no attribute of ours");
        let without = LAB.hear(&format!("{name}-{lints:?}-{form}-without"), &without, lints, "2024");
        assert!(!without.iter().any(Said::is_error), "{name}, {form}, is not valid: {without:?}");
        let with = LAB.hear(&format!("{name}-{lints:?}-{form}-with"), &with, lints, "2024");
        let difference = Difference::between(&without, &with).except_lost(lints.lost());
        if !difference.is_none() {
            differences += &format!("{name}, {form}\n{difference}");
        }
    }
    (!differences.is_empty()).then_some(differences)
}

/// A source as it is written, and, where that is another, with each body on one line.
fn forms(source: &str) -> Vec<(&'static str, String)> {
    let joined = on_one_line(source);
    let mut forms = vec![("as written", source.to_owned())];
    if joined != source {
        forms.push(("on one line", joined));
    }
    forms
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

/// A body under each of some attributes, one module each.
struct Modules {
    source: String,
    /// The attribute of each module, and the line before its first.
    starts: Vec<(&'static str, u64)>,
}

impl Modules {
    fn new(case: &str, attributes: &[&'static str], written: bool) -> Self {
        let mut modules = Modules { source: String::new(), starts: Vec::new() };
        for (number, attribute) in attributes.iter().enumerate() {
            modules.source += &format!("/// A case.\npub mod case_{number} {{\n");
            modules.starts.push((attribute, modules.source.lines().count() as u64));
            // A comment, because an empty line below a doc comment is a lint.
            modules.source += &case.replace(PLACE, if written { attribute } else { "//" });
            modules.source += METRICS;
            modules.source += "}\n";
        }
        modules.source += ANY_RETURN_TYPE;
        modules
    }

    /// The attribute of a place, and the line in the case.
    fn find(&self, line: u64) -> (&'static str, u64) {
        let before = self.starts.iter().rev().find(|(_, start)| *start < line);
        before.map_or(("the crate", line), |(attribute, start)| (attribute, line - start))
    }
}

/// Where an attribute goes in a case.
const PLACE: &str = "#[attribute]";

/// Compares, for each file of a folder, the body alone with the body under each of `attributes`.
fn compare(folder: &str, attributes: &[&'static str], lints: Lints, silent: bool) -> Vec<Option<String>> {
    let cases: Vec<_> = files(PACKAGE, folder).into_iter().map(|file| (name(&file), file)).collect();
    each(&cases, |(name, file)| {
        let source = fs::read_to_string(file).expect("a case");
        assert!(source.contains(PLACE), "{name} has no {PLACE}");
        let mut differences = String::new();
        for (form, source) in forms(&source) {
            let difference = differ(&format!("{name}-{lints:?}-{form}"), &source, attributes, lints, silent);
            if !difference.is_empty() {
                differences += &format!("{name}, {form}\n{difference}");
            }
        }
        match (SAID_ANOTHER_WAY.contains(&name.as_str()), differences.is_empty()) {
            (true, true) => Some(format!("{name}\n  is the same now: take it off the list\n")),
            (false, false) => Some(differences),
            _ => None,
        }
    })
}

/// What is said only with the attributes, and only without.
fn differ(name: &str, case: &str, attributes: &[&'static str], lints: Lints, silent: bool) -> String {
    let (with, without) = (Modules::new(case, attributes, true), Modules::new(case, attributes, false));
    let expected = LAB.hear(&format!("{name}-without"), &without.source, lints, "2024");
    assert!(silent || lints == Lints::Rustc || !expected.is_empty(), "{name}: nothing is said of it");
    let said = LAB.hear(&format!("{name}-with"), &with.source, lints, "2024");
    let difference = Difference::between(&expected, &said).except_lost(lints.lost());
    // The function returns nothing, or never: `with_credits` says so, and gives the function back as it was.
    let refused = difference
        .added
        .iter()
        .any(|said| said.is_error() && said.code.is_empty() && with.find(said.place.0).0.contains("with_credits"));
    if refused {
        let others: Vec<_> = attributes.iter().copied().filter(|name| !name.contains("with_credits")).collect();
        return differ(name, case, &others, lints, silent);
    }
    let shown = |word: &str, said: &Said| {
        let (attribute, line) = with.find(said.place.0);
        format!("  under {attribute}, line {line}\n    {word} {said}\n")
    };
    let lost = difference.lost.iter().map(|said| shown("lost ", said));
    lost.chain(difference.added.iter().map(|said| shown("added", said))).collect()
}

#[test]
fn a_broken_body_gets_the_same_errors() {
    report(compare("lab/broken", &ATTRIBUTES, Lints::Default, false));
}

#[test]
fn a_careless_body_gets_the_same_lints() {
    report(compare("lab/careless", &ATTRIBUTES, Lints::Rustc, false));
}

#[test]
fn a_careless_body_gets_the_same_lints_of_clippy() {
    report(compare("lab/careless", &ATTRIBUTES[1..], Lints::Clippy, false));
}

#[test]
fn a_short_body_gets_no_lint_of_its_own() {
    report(compare("lab/short", &ATTRIBUTES, Lints::Rustc, true));
}

#[test]
fn a_short_body_gets_no_lint_of_its_own_of_clippy() {
    report(compare("lab/short", &ATTRIBUTES, Lints::Clippy, true));
}

/// Bodies by their declared type: what is between the braces of a function, on one line.
const BODIES: [(&str, &[&str]); 16] = [
    (
        "",
        &[
            "",
            "/* nothing yet */",
            "work()",
            "work();",
            "{ work() }",
            "return",
            "{}",
            "unsafe { careless(); }",
            "note!();",
            "note! {}",
        ],
    ),
    (
        "u32",
        &[
            "3",
            "number",
            "number + 1",
            "(number + 1)",
            "{ number }",
            "return number",
            "loop { break number; }",
            "note!(number)",
            "if number > 3 { 1 } else { 2 }",
            "match number { 0 => 1, other => other }",
            "unsafe { careful(number) }",
            "const { 3 }",
            "'a: { break 'a number }",
            "number.max(3)",
            "text.len() as u32",
            "u32::from(text.is_empty())",
            "[number; 3][0]",
            "-&-3_i32 as u32",
            "(|a: u32| a + 1)(number)",
            "text.chars().map(|_| 1).sum()",
            "note! { number }",
            "if text.is_empty() { return 1 } number",
            "let doubled = number * 2; doubled + 1",
            "assert!(number > 3); 3",
            "use std::cmp::max; max(number, 3)",
            "fn inner() -> u32 { 3 } inner()",
            "panic!(\"{number}\")",
            "todo!()",
            ";number",
        ],
    ),
    (
        "bool",
        &["number > 3", "!text.is_empty()", "matches!(number, 3 | 4)", "number > 3 && text.is_empty() || number == 0"],
    ),
    ("String", &["text.to_owned()", "format!(\"{number}\")", "String::new()", "text.into()", "text.to_owned() + text"]),
    ("Vec<u32>", &["vec![number; 3]", "Vec::new()", "text.bytes().map(u32::from).collect()", "[number].to_vec()"]),
    ("(u32, bool)", &["(number, true)", "return (number, false)"]),
    ("[u32; 2]", &["[number, 3]"]),
    ("&'a str", &["text", "&text[..1]", "text.trim()", "{ text }", "if number > 3 { text } else { \"short\" }"]),
    (
        "Option<u32>",
        &[
            "Some(number)",
            "None",
            "text.parse().ok()",
            "Some(text.parse::<u32>().ok()? + 1)",
            "(number > 3).then_some(3)",
        ],
    ),
    (
        "Result<u32, std::num::ParseIntError>",
        &[
            "Ok(number)",
            "text.parse()",
            "Ok(text.parse()?)",
            "text.parse::<u32>().map(|a| a + 1)",
            "{ Ok(number) }",
            "if number > 3 { return Ok(3) } text.parse()",
            "return text.parse()",
            "match text.parse() { Ok(a) => Ok(a), Err(e) => Err(e) }",
            "return ::core::result::Result::Ok(number)",
            "if number > 3 { return ::std::result::Result::Ok(1) } ::core::result::Result::Ok(number)",
        ],
    ),
    (
        "Result<(), String>",
        &[
            "Ok(())",
            "Err(text.to_owned())",
            "Err(format!(\"{number}\"))",
            "if number > 3 { Ok(()) } else { Err(String::new()) }",
        ],
    ),
    ("Result<Box<dyn Fn() -> u32>, String>", &["Ok(Box::new(move || number))", "Ok(Box::new(move || { number }))"]),
    ("Box<dyn Fn(u32) -> u32>", &["Box::new(move |a| a + number)", "Box::new(|a| a)"]),
    ("impl Iterator<Item = u32>", &["0..number", "(0..number).map(|a| a + 1)", "std::iter::once(number)"]),
    (
        "impl Future<Output = u32>",
        &["async move { number }", "std::future::ready(number)", "async move { waited(number).await }"],
    ),
    (
        "std::pin::Pin<Box<dyn Future<Output = u32> + Send>>",
        &["Box::pin(async move { number })", "Box::pin(std::future::ready(number))"],
    ),
];

/// What the bodies name.
const AROUND: &str = r#"
#[allow(unused_macros, reason = "not every module needs it")]
macro_rules! note { ($($tokens:tt)*) => { $($tokens)* }; }
/// Does nothing.
pub fn work() {}
/// Waits.
pub async fn waited(number: u32) -> u32 { std::future::ready(number).await }
/// Gives its argument back.
/// # Safety
/// There is nothing to mind.
pub unsafe fn careful(number: u32) -> u32 { number }
/// Does nothing.
/// # Safety
/// There is nothing to mind.
pub unsafe fn careless() {}
"#;

/// Where a function may stand, with `FUNCTION` for it.
const PLACES: [&str; 4] = [
    "FUNCTION",
    "/// A type.\n#[derive(Debug)]\npub struct Shop;\nimpl Shop {\nFUNCTION\n}",
    "/// A trait.\npub trait Open {\nFUNCTION\n}",
    "macro_rules! function { ($body:expr) => {\nFUNCTION\n} }\nfunction!(3);",
];

/// Every body in every place, sync and async, in each way to write its lines: one module each.
fn matrix(attribute: &str, layout: fn(&str) -> String, only_refusable: bool) -> (String, usize) {
    let (mut source, mut functions) = (format!("//! A matrix.\n{AROUND}{METRICS}"), 0);
    for (at, place) in PLACES.iter().enumerate() {
        source += &format!(
            "/// A place.\npub mod place_{at} {{\n#[allow(unused_imports, reason = \"not in every place\")]\nuse crate::*;\n"
        );
        for (ty, bodies) in BODIES {
            for body in bodies {
                for asynchronous in ["", "async "] {
                    let is_future = ty.contains("Future<");
                    let returns = if ty.is_empty() { String::new() } else { format!("-> {ty} ") };
                    let by_macro = place.contains("macro_rules");
                    if is_future && !asynchronous.is_empty()
                        || only_refusable && ty.is_empty()
                        // The inside of a macro has another `text` than the function, and one body that is an expression.
                        || by_macro && (body.is_empty() || body.contains("note!"))
                        || place.contains("trait") && (!asynchronous.is_empty() || ty.starts_with("impl"))
                    {
                        continue;
                    }
                    functions += 1;
                    let (lifetime, lifetime_of) = if ty.contains("'a") { ("<'a>", "'a ") } else { ("", "") };
                    let receiver = if at == 1 || at == 2 { "&self, " } else { "" };
                    let visibility = if at == 2 { "" } else { "pub " };
                    let function = format!(
                        "/// A function.\n#[allow(unused_variables, reason = \"not every body uses them\")]\n{attribute}\n\
                         {visibility}{asynchronous}fn function_{functions}{lifetime}({receiver}number: u32, text: &{lifetime_of}str) {returns}{}",
                        layout(body),
                    );
                    source += &format!(
                        "/// A module.\npub mod module_{functions} {{\n#[allow(unused_imports, reason = \"not in every module\")]\nuse super::*;\n{}\n}}\n",
                        place.replace("FUNCTION", &function)
                    );
                }
            }
        }
        source += "}\n";
    }
    (source + ANY_RETURN_TYPE, functions)
}

/// The ways to write the lines of a body.
const LAYOUTS: [fn(&str) -> String; 3] = [
    |body| format!("{{ {body} }}"),
    |body| format!("{{\n    {body}\n}}"),
    |body| format!("{{ // first\n    {body} // last\n}}"),
];

#[test]
fn a_function_of_any_shape_gets_the_same_lints() {
    let cases: Vec<_> =
        ATTRIBUTES.iter().flat_map(|attribute| (0..LAYOUTS.len()).map(move |layout| (*attribute, layout))).collect();
    let results = each(&cases, |(attribute, layout)| {
        let refusable = attribute.contains("with_credits");
        let (with, functions) = matrix(attribute, LAYOUTS[*layout], refusable);
        let (without, _) = matrix("//", LAYOUTS[*layout], refusable);
        let number = ATTRIBUTES.iter().position(|known| known == attribute).unwrap_or_default();
        let expected = LAB.hear(&format!("matrix-{number}-{layout}-without"), &without, Lints::Rustc, "2024");
        let errors: Vec<_> =
            expected.iter().filter(|said| said.is_error()).map(|said| explained(&without, said)).collect();
        assert!(errors.is_empty(), "the matrix is not valid: {}", errors.join("\n"));
        let said = LAB.hear(&format!("matrix-{number}-{layout}-with"), &with, Lints::Rustc, "2024");
        let difference = Difference::between(&expected, &said).except_lost(Lints::Rustc.lost());
        let all = difference.lost.iter().map(|said| format!("lost  {}", explained(&with, said)));
        let all: Vec<_> =
            all.chain(difference.added.iter().map(|said| format!("added {}", explained(&with, said)))).collect();
        (functions, (!all.is_empty()).then(|| format!("under {attribute}, layout {layout}\n{}", all.join("\n"))))
    });
    println!(
        "{} functions, said of {} otherwise",
        results.iter().map(|(functions, _)| functions).sum::<usize>(),
        results.iter().flat_map(|(_, text)| text).flat_map(|text| text.lines()).count()
    );
    report(results.into_iter().map(|(_, text)| text).collect());
}

/// What is said, and of which line.
fn explained(source: &str, said: &Said) -> String {
    let line = usize::try_from(said.place.0).unwrap_or_default().saturating_sub(1);
    format!("{said}: {}", source.lines().nth(line).unwrap_or_default())
}
