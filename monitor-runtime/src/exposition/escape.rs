//! Texts between quotation marks and in help: escaped on their way to the page, and compared with what was written. The
//! label values of our own families come escaped: a series' text is its key.

/// Whether a quotation mark would end the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    End,
    Stand,
}

/// Hands on `text` piece by piece as it may stand on a page. What is unfit becomes U+FFFD; the line feed alone can be
/// written.
pub(super) fn escape(text: &str, quotes: Quotes, put: &mut dyn FnMut(&str)) {
    let mut rest = text;
    while let Some((at, special)) =
        rest.char_indices().find(|(_, c)| is_unfit(*c) || *c == '\\' || *c == '"' && quotes == Quotes::End)
    {
        put(&rest[..at]);
        put(match special {
            '\\' => "\\\\",
            '\n' => "\\n",
            '"' => "\\\"",
            _ => "\u{fffd}",
        });
        rest = &rest[at + special.len_utf8()..];
    }
    put(rest);
}

/// What some scraper takes for the end of a line, or at a NUL of the page. The families' own label values have none.
fn is_unfit(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether the label texts on a page say the same as these labels, in whatever order.
pub(crate) fn says(text: &str, labels: &[(&str, &str)]) -> bool {
    let mut rest = text;
    let mut found = 0;
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some(end) = end_of_value(after) else { return false };
        if !labels.iter().any(|(n, value)| *n == name && reads_as(&after[..end], value)) {
            return false;
        }
        found += 1;
        rest = after[end + 1..].trim_start_matches(',');
    }
    found == labels.len()
}

/// Where the quotation mark stands that is not escaped.
pub(crate) fn end_of_value(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let end = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        end
    })
}

/// Whether a value was written so. A control character may have been replaced on its way to the page.
fn reads_as(written: &str, value: &str) -> bool {
    let mut written = unescaped(written);
    value.chars().all(|c| written.next().is_some_and(|w| w == c || w == '\u{fffd}' && is_unfit(c)))
        && written.next().is_none()
}

/// The characters of a value as they were before it was escaped.
pub(crate) fn unescaped(written: &str) -> impl Iterator<Item = char> {
    let mut written = written.chars();
    std::iter::from_fn(move || match written.next()? {
        '\\' => written.next().map(|c| if c == 'n' { '\n' } else { c }),
        c => Some(c),
    })
}
