//! The documents say what the code says: the program in the README is the example, and no line is too long to read.

use std::fs;
use std::path::{Path, PathBuf};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> Option<String> {
    // A crate that was taken out of the project has no README of the project beside it.
    project().join("tests/run").exists().then(|| fs::read_to_string(project().join(path)).expect("a document"))
}

#[test]
fn the_program_in_the_readme_is_the_example() {
    let Some(readme) = text("README.md") else { return };
    let example = text("monitor-runtime/examples/quickstart.rs").expect("the example");
    let begin = example.find("use actix_web").expect("imports");
    let end = example.find("#[cfg(test)]").expect("tests");
    assert!(readme.contains(example[begin..end].trim()), "README.md has another program than examples/quickstart.rs");
}

#[test]
fn no_line_of_a_document_is_longer_than_120_columns() {
    let documents = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "CHANGELOG.md"];
    let guides = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).expect("the guides");
    let guides = guides.map(|guide| guide.expect("an entry").path());
    let mut long = Vec::new();
    for path in documents.map(|name| project().join(name)).into_iter().filter(|path| path.exists()).chain(guides) {
        let text = fs::read_to_string(&path).expect("a document");
        // A row of a table cannot be divided.
        let lines = text.lines().filter(|line| !line.starts_with('|') && line.chars().count() > 120);
        long.extend(lines.map(|line| format!("{}: {line}", path.display())));
    }
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}
