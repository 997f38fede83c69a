//! As much YAML as rules need: mappings and lists are laid out by hand, texts are quoted here.

use std::fmt::Write;

/// A text as a scalar on one line, by escapes that YAML's double quotes and PromQL's both have.
pub(super) fn quoted(text: &str) -> String {
    let mut scalar = String::with_capacity(text.len() + 2);
    scalar.push('"');
    for c in text.chars() {
        // Writing to a `String` does not fail.
        let _ = match c {
            '"' | '\\' => write!(scalar, "\\{c}"),
            '\n' => write!(scalar, "\\n"),
            c if !is_plain(c) && c <= '\u{ffff}' => write!(scalar, "\\u{:04x}", u32::from(c)),
            c if !is_plain(c) => write!(scalar, "\\U{:08x}", u32::from(c)),
            c => write!(scalar, "{c}"),
        };
    }
    scalar.push('"');
    scalar
}

/// Whether a character can stand in a file as it is. YAML forbids some characters and takes others for the end of a
/// line, and a reader cannot see some: those that turn the direction of text would show another rule than there is.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff0}'..='\u{ffff}'
                | '\u{e0000}'..='\u{e0fff}'
                | '\u{f0000}'..
        )
        && u32::from(c) & 0xfffe != 0xfffe
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_has_nothing_in_it_that_ends_a_line_or_cannot_be_seen() {
        for (text, scalar) in [
            ("plain", r#""plain""#),
            ("\u{43a}\u{5145}\u{1f4b3}", "\"\u{43a}\u{5145}\u{1f4b3}\""),
            ("say \"hi\\\"", r#""say \"hi\\\"""#),
            ("two\nlines\r\0", r#""two\nlines\u000d\u0000""#),
            ("\u{85}\u{2028}\u{2029}\u{feff}\u{202e}", r#""\u0085\u2028\u2029\ufeff\u202e""#),
            ("\u{e0041}\u{1ffff}", r#""\U000e0041\U0001ffff""#),
        ] {
            assert_eq!(quoted(text), scalar);
        }
    }
}
