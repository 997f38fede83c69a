//! The labels of a series read back from the text that stands on the page.

use std::borrow::Cow;

use crate::exposition::escape::{end_of_value, unescaped};

/// The value of one label; None where the series has no such label.
pub(super) fn label<'a>(text: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut rest = text;
    loop {
        let (found, after) = rest.split_once("=\"")?;
        let end = end_of_value(after)?;
        if found == name {
            let written = &after[..end];
            let plain = !written.contains('\\');
            return Some(if plain { Cow::Borrowed(written) } else { Cow::Owned(unescaped(written).collect()) });
        }
        rest = after[end + 1..].strip_prefix(',').unwrap_or("");
    }
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn a_value_is_read_as_it_was_before_it_was_written() {
        let text = r#"endpoint="/a/{b}",method="GET",path="say \"a=\\b\"\n",last="""#;
        assert_eq!(label(text, "endpoint").as_deref(), Some("/a/{b}"));
        assert_eq!(label(text, "method").as_deref(), Some("GET"));
        assert_eq!(label(text, "path").as_deref(), Some("say \"a=\\b\"\n"));
        assert_eq!(label(text, "last").as_deref(), Some(""));
        assert_eq!(label(text, "b"), None);
        assert_eq!(label("", "endpoint"), None);
    }
}
