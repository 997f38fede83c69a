//! As much YAML as rules need: mappings and lists are laid out by hand, texts are quoted here.

/// A text as a scalar on one line. What JSON quotes, YAML reads.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An expression as a block of its own lines, indented by `indent` spaces.
pub(super) fn block(text: &str, indent: usize) -> String {
    let mut block = "|-\n".to_owned();
    for line in text.lines() {
        block.push_str(&" ".repeat(indent));
        block.push_str(line);
        block.push('\n');
    }
    block
}

/// What stands above every file.
pub(super) const HEAD: &str =
    "# Written from the code by monitor_runtime::rules; change the attributes there, not this file.\n";
