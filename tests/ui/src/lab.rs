//! Compiles a source with and without our attributes, and compares what rustc and clippy say of the two.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use serde_json::Value;

/// The compilers, and the crates that the sources may name.
pub struct Lab {
    clippy: PathBuf,
    crates: BTreeMap<String, PathBuf>,
    folder: PathBuf,
}

/// One thing that the compiler says, and where. Its words are left out: they may name a type of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// Where.
    pub place: Place,
    /// `error`, `warning`, ..
    pub level: String,
    /// `E0308`, `unused_variables`, ..
    pub code: String,
    /// What `cargo fix` would write, and where: of lints alone.
    pub fixes: Vec<(Place, String)>,
}

/// Line, column, and where it ends.
pub type Place = (u64, u64, u64, u64);

impl Said {
    /// Whether it is no lint.
    pub fn is_error(&self) -> bool {
        self.level == "error" && (self.code.is_empty() || self.code.starts_with('E'))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column, end_line, end_column) = self.place;
        write!(f, "{line}:{column}-{end_line}:{end_column} {} {}", self.level, self.code)?;
        for ((line, column, ..), text) in &self.fixes {
            write!(f, ", fixed by {text:?} at {line}:{column}")?;
        }
        Ok(())
    }
}

/// What is said only of the one source, and only of the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Said only without the attribute.
    pub lost: Vec<Said>,
    /// Said only with it.
    pub added: Vec<Said>,
}

impl Difference {
    /// The difference without losses of `codes`.
    pub fn except_lost(mut self, codes: &[&str]) -> Self {
        self.lost.retain(|said| !codes.contains(&said.code.as_str()));
        self
    }

    /// Compares two lists, each thing as often as it is said.
    pub fn between(without: &[Said], with: &[Said]) -> Self {
        let mut added = with.to_vec();
        let mut lost = Vec::new();
        for said in without {
            match added.iter().position(|other| other == said) {
                Some(at) => drop(added.remove(at)),
                None => lost.push(said.clone()),
            }
        }
        Difference { lost, added }
    }

    /// Whether the compiler says the same of both.
    pub fn is_none(&self) -> bool {
        self.lost.is_empty() && self.added.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for said in &self.lost {
            writeln!(f, "    lost  {said}")?;
        }
        for said in &self.added {
            writeln!(f, "    added {said}")?;
        }
        Ok(())
    }
}

/// How strict the compiler is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lints {
    /// As it comes.
    Default,
    /// Every lint of rustc that says something of a function.
    Rustc,
    /// Those, and every group of clippy but `restriction`.
    Clippy,
}

impl Lab {
    /// Finds the compilers, and `crates` among what the test `lab` of `package` is built with.
    ///
    /// # Panics
    /// When there is no clippy, or a crate is missing.
    pub fn new(package: &str, names: &[&str]) -> Self {
        let sysroot = output(Command::new(rustc()).args(["--print", "sysroot"]));
        let clippy = Path::new(sysroot.trim()).join("bin").join(format!("clippy-driver{}", env::consts::EXE_SUFFIX));
        assert!(clippy.exists(), "the lab needs clippy: rustup component add clippy");
        let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["test", "--no-run", "--quiet", "--message-format=json", "--test", "lab", "--package", package]);
        let mut crates = BTreeMap::new();
        for message in output(&mut build).lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let target = &message["target"];
            let name = target["name"].as_str().unwrap_or_default();
            let file = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str).next_back();
            if let Some(file) = file
                && names.contains(&name)
            {
                crates.insert(name.to_owned(), PathBuf::from(file));
            }
        }
        assert_eq!(crates.len(), names.len(), "of {names:?} these were found: {crates:?}");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        let folder = env::var_os("CARGO_TARGET_DIR").map_or(folder, PathBuf::from).join("lab").join(package);
        Lab { clippy, crates, folder }
    }

    /// What the compiler says of `source`, in the order of the places.
    ///
    /// # Panics
    /// When the compiler cannot be run, or says something that is no diagnostic.
    pub fn hear(&self, name: &str, source: &str, lints: Lints, edition: &str) -> Vec<Said> {
        let folder = self.folder.join(name.replace(['/', '\\'], "_"));
        fs::create_dir_all(&folder).expect("a folder for the source");
        let file = folder.join("case.rs");
        fs::write(&file, source).expect("the source is written");
        let mut command = match lints {
            Lints::Default | Lints::Rustc => Command::new(rustc()),
            Lints::Clippy => Command::new(&self.clippy),
        };
        command.arg(&file).arg("--out-dir").arg(&folder);
        command.args(["--emit=metadata", "--error-format=json", "--edition", edition]);
        command.args(["--crate-type", if source.contains("\nfn main()") { "bin" } else { "lib" }]);
        for (name, path) in &self.crates {
            command.arg("--extern").arg(format!("{name}={}", path.display()));
            if let Some(folder) = path.parent() {
                command.arg("-L").arg(format!("dependency={}", folder.display()));
                command.arg("-L").arg(format!("dependency={}", folder.join("deps").display()));
            }
        }
        let groups: &[&[&str]] = match lints {
            Lints::Default => &[],
            Lints::Rustc => &[&RUSTC],
            Lints::Clippy => &[&RUSTC, &CLIPPY],
        };
        command.args(groups.concat().iter().flat_map(|lint| ["-W", lint]));
        let said = command.output().expect("the compiler runs");
        let mut all: Vec<Said> = Vec::new();
        for line in String::from_utf8_lossy(&said.stderr).lines() {
            let diagnostic: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{name}: {line}"));
            all.extend(place(&diagnostic));
        }
        all.sort();
        all
    }
}

/// The groups of clippy.
const CLIPPY: [&str; 3] = ["clippy::all", "clippy::pedantic", "clippy::nursery"];

/// The groups of rustc, and lints that are in none.
const RUSTC: [&str; 21] = [
    "unused",
    "nonstandard_style",
    "future_incompatible",
    "rust_2018_idioms",
    "keyword_idents",
    "let_underscore",
    "missing_docs",
    "missing_debug_implementations",
    "single_use_lifetimes",
    "redundant_lifetimes",
    "trivial_casts",
    "trivial_numeric_casts",
    "unit_bindings",
    "unreachable_pub",
    "unused_import_braces",
    "unused_lifetimes",
    "unused_qualifications",
    "unused_results",
    "variant_size_differences",
    "explicit_outlives_requirements",
    "meta_variable_misuse",
];

impl Lints {
    /// Lints that are lost, and why that is as it should be, or as it has to be.
    pub fn lost(self) -> &'static [&'static str] {
        match self {
            // The body of some functions stands in a closure. Clippy is shown it where it was.
            Lints::Default | Lints::Rustc => &["unconditional_recursion"],
            // A function that counts cannot be `const`.
            Lints::Clippy => &["clippy::missing_const_for_fn"],
        }
    }
}

/// A diagnostic with its place; none for the summary at the end.
fn place(diagnostic: &Value) -> Option<Said> {
    let spans = diagnostic["spans"].as_array()?;
    let span = spans.iter().find(|span| span["is_primary"] == true)?;
    let code = diagnostic["code"]["code"].as_str().unwrap_or_default();
    // Of the crate as a whole, whose beginning an attribute moves.
    if diagnostic["message"].as_str().is_some_and(|message| message.contains("documentation for the crate")) {
        return None;
    }
    let level = diagnostic["level"].as_str().unwrap_or_default().to_owned();
    let fixes = if level == "error" { Vec::new() } else { fixes(diagnostic) };
    Some(Said { place: place_of(span), level, code: code.to_owned(), fixes })
}

fn place_of(span: &Value) -> Place {
    let number = |key: &str| span[key].as_u64().unwrap_or_default();
    (number("line_start"), number("column_start"), number("line_end"), number("column_end"))
}

/// The suggestions that a machine may apply.
fn fixes(diagnostic: &Value) -> Vec<(Place, String)> {
    let children = diagnostic["children"].as_array().into_iter().flatten();
    children
        .flat_map(|child| child["spans"].as_array().into_iter().flatten())
        .filter(|span| span["suggestion_applicability"] == "MachineApplicable")
        .filter_map(|span| Some((place_of(span), span["suggested_replacement"].as_str()?.to_owned())))
        .collect()
}

/// `source` with our attributes taken away, and each line where it was. An attribute stands on lines of its own.
pub fn without_attributes(source: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in source.lines() {
        let text = line.trim_start();
        inside |= ["::", ""].iter().any(|start| {
            text.strip_prefix("#[")
                .and_then(|text| text.strip_prefix(start))
                .is_some_and(|text| OURS.iter().any(|path| text.starts_with(path)))
        });
        // A comment, because an empty line below a doc comment is a lint.
        out.push_str(if inside { "//" } else { line });
        inside &= !text.ends_with(']');
        out.push('\n');
    }
    out
}

/// `source` with the body of each function on one line, each comment in it dropped, and all else where it was.
/// A function that has an attribute of ours, or the place for one, within its body keeps its lines, and so does one with
/// a doc comment in it.
///
/// # Panics
/// When the source has no tokens of Rust.
pub fn on_one_line(source: &str) -> String {
    let tokens: TokenStream = source.parse().expect("tokens");
    let mut bodies = Vec::new();
    find_bodies(tokens, source, &mut bodies);
    let mut out = String::new();
    let mut end = 0;
    for body in bodies {
        let range = body.span().byte_range();
        out.push_str(&source[end..range.start]);
        let mut before = range.start;
        for piece in pieces(&body) {
            if piece.start > before {
                out.push(' ');
            }
            out.push_str(&source[piece.clone()]);
            before = piece.end;
        }
        end = range.end;
    }
    out + &source[end..]
}

/// The outermost bodies that can be joined, in order.
fn find_bodies(tokens: TokenStream, source: &str, bodies: &mut Vec<Group>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut in_signature = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            // Not a pointer's type: `fn(u8)`.
            TokenTree::Ident(word) if word == "fn" => {
                in_signature = matches!(tokens.get(at + 1), Some(TokenTree::Ident(_)));
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => in_signature = false,
            TokenTree::Group(group) => {
                let of_type =
                    matches!(tokens.get(at + 1), Some(TokenTree::Punct(punct)) if ">,".contains(punct.as_char()));
                let is_body = in_signature && group.delimiter() == Delimiter::Brace && !of_type;
                in_signature &= !is_body;
                if is_body && can_be_joined(group, source) {
                    bodies.push(group.clone());
                } else {
                    find_bodies(group.stream(), source, bodies);
                }
            }
            _ => {}
        }
    }
}

fn can_be_joined(body: &Group, source: &str) -> bool {
    let text = &source[body.span().byte_range()];
    let has_attribute = text.contains("#[attribute]") || OURS.iter().any(|path| text.contains(path));
    !has_attribute && pieces(body).iter().all(|piece| !source[piece.clone()].starts_with('/') || piece.len() == 1)
}

/// Where the tokens of a group are, from its first brace to its last.
fn pieces(group: &Group) -> Vec<Range<usize>> {
    let mut out = vec![group.span_open().byte_range()];
    for token in group.stream() {
        match &token {
            TokenTree::Group(inner) => out.extend(pieces(inner)),
            token => out.push(token.span().byte_range()),
        }
    }
    out.push(group.span_close().byte_range());
    out
}

/// How the cases write our attributes.
const OURS: [&str; 7] = [
    "monitor_runtime::detect_anomalies",
    "monitor_runtime::instrument",
    "monitor_runtime::track_latency",
    "monitor_runtime::with_credits",
    "telemetry::instrument",
    "telemetry::track_latency",
    "telemetry::with_credits",
];

/// The `.rs` files of a folder below the package, in order.
///
/// # Panics
/// When there are none.
pub fn files(package: &str, folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(package).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no cases in {}", folder.display());
    files
}

/// Does `work` for each item on as many threads as there are processors, and collects what it gives.
///
/// # Panics
/// When `work` does.
pub fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(2) {
            scope.spawn(|| {
                while let Some((number, item)) =
                    Some(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).and_then(|n| Some((n, items.get(n)?)))
                {
                    let result = work(item);
                    results.lock().expect("no worker panicked").push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no worker panicked");
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn rustc() -> std::ffi::OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
