//! The two formats of a page and the choice between them by an Accept header; the writing is the encoder's.

/// The format of a page of metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus' text format, version 0.0.4.
    #[default]
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format that suits an Accept header (RFC 9110, section 12.5.1): OpenMetrics where it weighs more than the
    /// text format, and the text format otherwise, also where there is no header or where it allows neither.
    ///
    /// ```
    /// use monitor_runtime::Format;
    ///
    /// let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    /// assert_eq!(Format::from_accept(Some(prometheus)), Format::OpenMetrics);
    /// assert_eq!(Format::from_accept(Some("text/html, */*;q=0.8")), Format::Text);
    /// assert_eq!(Format::from_accept(None), Format::Text);
    /// ```
    #[must_use]
    pub fn from_accept(header: Option<&str>) -> Format {
        let mut text = Preference::default();
        let mut open_metrics = Preference::default();
        for range in split_unquoted(header.unwrap_or_default(), b',').filter_map(Range::parse) {
            text.hear(&range, "text", "plain", &["0.0.4"]);
            open_metrics.hear(&range, "application", "openmetrics-text", &["1.0.0", "0.0.1"]);
        }
        if open_metrics.weight > text.weight { Format::OpenMetrics } else { Format::Text }
    }

    /// The Content-Type of a page in this format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// One element of an Accept header, such as `text/*;q=0.5`.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    version: Option<&'a str>,
    /// In thousandths.
    weight: u16,
}

impl<'a> Range<'a> {
    /// None for what is no media range or has a weight that is no weight: it says nothing.
    fn parse(element: &'a str) -> Option<Range<'a>> {
        let mut parts = split_unquoted(element, b';');
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut range = Range { kind: trim(kind), subtype: trim(subtype), version: None, weight: 1000 };
        for parameter in parts {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let (name, value) = (trim(name), trim(value));
            if name.eq_ignore_ascii_case("q") {
                range.weight = weight(value)?;
            } else if name.eq_ignore_ascii_case("version") {
                range.version = Some(value.trim_matches('"'));
            }
        }
        Some(range)
    }

    /// How closely the range names the media type: 0 is not at all.
    fn closeness(&self, kind: &str, subtype: &str, versions: &[&str]) -> u8 {
        match (self.kind, self.subtype, self.version) {
            ("*", "*", None) => 1,
            (k, "*", None) if k.eq_ignore_ascii_case(kind) => 2,
            (k, s, version) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => match version {
                None => 3,
                Some(version) if versions.contains(&version) => 4,
                Some(_) => 0,
            },
            _ => 0,
        }
    }
}

/// What the header says of one format so far: the closest range decides, the best of equally close ones.
#[derive(Default)]
struct Preference {
    closeness: u8,
    weight: u16,
}

impl Preference {
    fn hear(&mut self, range: &Range<'_>, kind: &str, subtype: &str, versions: &[&str]) {
        let closeness = range.closeness(kind, subtype, versions);
        if closeness > self.closeness {
            *self = Preference { closeness, weight: range.weight };
        } else if closeness == self.closeness && closeness > 0 {
            self.weight = self.weight.max(range.weight);
        }
    }
}

/// A qvalue in thousandths; more than three decimals are cut, for clients that print a float.
fn weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = decimals.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        "0" => Some(thousandths),
        "1" if decimals.bytes().all(|b| b == b'0') => Some(1000),
        _ => None,
    }
}

/// The parts between separators that stand outside quoted strings.
fn split_unquoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    // The separators are ASCII, so each part ends on a character boundary.
    text.split(move |c: char| {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        }
        !quoted && c == char::from(separator)
    })
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::Format;
    use proptest::prelude::*;

    fn chosen(header: &str) -> Format {
        Format::from_accept(Some(header))
    }

    #[test]
    fn prometheus_gets_openmetrics() {
        // What Prometheus 2.42, 3.0 and 3.5 send.
        for header in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ] {
            assert_eq!(chosen(header), Format::OpenMetrics, "{header}");
        }
    }

    #[test]
    fn whoever_asks_for_nothing_special_gets_text() {
        assert_eq!(Format::from_accept(None), Format::Text);
        for header in [
            "",
            "*/*",
            "text/plain",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json",
        ] {
            assert_eq!(chosen(header), Format::Text, "{header}");
        }
    }

    #[test]
    fn the_weights_decide() {
        assert_eq!(chosen("application/openmetrics-text;q=0.5, text/plain;q=0.4"), Format::OpenMetrics);
        assert_eq!(chosen("application/openmetrics-text;q=0.4, text/plain;q=0.5"), Format::Text);
        assert_eq!(chosen("application/openmetrics-text;q=0.501, text/plain;q=0.5"), Format::OpenMetrics);
        assert_eq!(chosen("application/openmetrics-text, text/plain"), Format::Text, "equal weights");
        assert_eq!(chosen("application/openmetrics-text"), Format::OpenMetrics);
        assert_eq!(chosen("application/openmetrics-text;q=0.001"), Format::OpenMetrics);
        assert_eq!(chosen("application/*, text/*;q=0.9"), Format::OpenMetrics);
    }

    #[test]
    fn a_weight_of_zero_refuses() {
        assert_eq!(chosen("application/openmetrics-text;q=0"), Format::Text);
        assert_eq!(chosen("application/openmetrics-text;q=0.000, */*"), Format::Text);
        assert_eq!(chosen("text/plain;q=0, */*;q=0.1"), Format::OpenMetrics);
    }

    #[test]
    fn the_closest_range_decides() {
        assert_eq!(chosen("application/openmetrics-text;q=0.1, application/*;q=1, text/plain;q=0.5"), Format::Text);
        assert_eq!(chosen("text/*;q=1, text/plain;q=0.1, application/openmetrics-text;q=0.5"), Format::OpenMetrics);
    }

    #[test]
    fn a_version_that_is_not_ours_is_not_offered() {
        assert_eq!(chosen("application/openmetrics-text;version=2.0.0"), Format::Text);
        assert_eq!(chosen("application/openmetrics-text;version=0.0.1"), Format::OpenMetrics);
        assert_eq!(chosen("application/openmetrics-text; Version=\"1.0.0\"; charset=utf-8"), Format::OpenMetrics);
        assert_eq!(chosen("APPLICATION/OpenMetrics-Text ; Q=0.5 , text/plain ; q=0.2"), Format::OpenMetrics);
    }

    #[test]
    fn what_is_no_range_says_nothing() {
        for header in [
            "application/openmetrics-text;q=2",
            "application/openmetrics-text;q=NaN",
            "application/openmetrics-text;q=-1",
            "application/openmetrics-text;q=1.5",
            "application/openmetrics-text;q=",
            "openmetrics-text",
            "text/plain;x=\",application/openmetrics-text",
        ] {
            assert_eq!(chosen(header), Format::Text, "{header}");
        }
        assert_eq!(
            chosen("text/plain;q=0.1;x=\"a,\\\",b;q=1\", application/openmetrics-text;q=0.333333333"),
            Format::OpenMetrics
        );
    }

    #[test]
    fn the_content_types_are_exact() {
        assert_eq!(Format::Text.content_type(), "text/plain; version=0.0.4; charset=utf-8");
        assert_eq!(Format::OpenMetrics.content_type(), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    }

    proptest! {
        #[test]
        fn no_header_panics(header in "\\PC{0,80}|([a-z/*;,=q.\"\\\\ 0-9\u{80}\u{2028}]|application/openmetrics-text|text/plain|;q=|version=){0,40}") {
            let format = chosen(&header);
            prop_assert!(header.contains('*') || header.to_ascii_lowercase().contains("openmetrics") || format == Format::Text);
        }
    }
}
