//! The text of a page: the only place that escapes and lays out lines. What stands on the page is decided before.

use std::{
    io::{self, Write},
    mem,
    sync::{Mutex, PoisonError},
};

use prometheus::Registry;

use super::{
    Format, number,
    page::Page,
    sample::{Family, Point, Series, Type},
};

/// Where the buffer is handed on; a scrape needs so much memory and no more, however long the page is.
const CHUNK: usize = 32 * 1024;
/// Scrapes that come at the same time each need a workspace; more than these are given back to the heap.
const KEPT_WORKSPACES: usize = 4;
/// A workspace that one strange family blew up is not kept.
const KEPT_BYTES: usize = 8 * CHUNK;

/// OpenMetrics' base units.
const UNITS: [&str; 9] = ["seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams"];

static WORKSPACES: Mutex<Vec<Workspace>> = Mutex::new(Vec::new());

pub(super) fn encode(registry: &Registry, format: Format, out: &mut dyn Write) -> io::Result<()> {
    // Taken out, not locked: a writer may be slow, and may itself ask for a page.
    let mut workspace = WORKSPACES.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    workspace.page.gather(registry);
    let result = write(&mut workspace, format, out);
    workspace.page.clear();
    if workspace.text.is_small() {
        let mut kept = WORKSPACES.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_WORKSPACES {
            kept.push(workspace);
        }
    }
    result
}

/// What a scrape works with, kept for the next one.
#[derive(Default)]
struct Workspace {
    page: Page,
    counts: Vec<u64>,
    text: Text,
}

fn write(workspace: &mut Workspace, format: Format, out: &mut dyn Write) -> io::Result<()> {
    let Workspace { page, counts, text } = workspace;
    text.clear();
    let mut result = Ok(());
    for (family, typed) in page.families() {
        text.begin(family, typed, format);
        family.for_each(counts, &mut |series| {
            if result.is_ok() {
                text.series(series);
                if text.out.len() >= CHUNK {
                    result = hand_on(&mut text.out, out);
                }
            }
        });
        text.end(family);
        mem::replace(&mut result, Ok(()))?;
        if text.out.len() >= CHUNK {
            hand_on(&mut text.out, out)?;
        }
    }
    if format == Format::OpenMetrics {
        text.out.extend_from_slice(b"# EOF\n");
    }
    hand_on(&mut text.out, out)
}

fn hand_on(text: &mut Vec<u8>, out: &mut dyn Write) -> io::Result<()> {
    let result = out.write_all(text);
    text.clear();
    result
}

/// The lines of a page, and the parts of a line that one family or one series has in common.
#[derive(Default)]
struct Text {
    out: Vec<u8>,
    format: Format,
    shape: Shape,
    name: Vec<u8>,
    /// `name_bucket{labels,le="` of the series at hand.
    bucket: Vec<u8>,
    /// `0.005"} ` for each of the bounds at hand, the infinite one last, and where each ends.
    bounds: Vec<u8>,
    bound_ends: Vec<usize>,
    /// Which bounds these are: all series of one of our families have the same.
    bounds_of: Option<(usize, usize)>,
    /// What comes behind the family at hand when it falls into three.
    sums: Vec<u8>,
    counts: Vec<u8>,
}

/// How a family is laid out.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Whole,
    /// OpenMetrics allows no sum beside a bound below zero, no sum below zero and no count without a sum. A family
    /// that has such is written as three of unknown type, one for each of its samples' names: nothing is lost, and
    /// the page stays valid.
    Parts,
}

impl Text {
    fn begin(&mut self, family: Family<'_>, typed: bool, format: Format) {
        self.format = format;
        self.bounds_of = None;
        self.name.clear();
        self.name.extend_from_slice(family.name().as_bytes());
        let kind = family.kind();
        let parts = format == Format::OpenMetrics && matches!(kind, Type::Histogram | Type::Summary) && !family.rises();
        self.shape = if parts { Shape::Parts } else { Shape::Whole };
        match (self.shape, kind) {
            (Shape::Whole, _) => {
                let kind = if format == Format::OpenMetrics && !typed { Type::Unknown } else { kind };
                self.describe(family, "", kind);
            }
            (Shape::Parts, Type::Histogram) => self.describe(family, "_bucket", Type::Unknown),
            (Shape::Parts, _) => self.describe(family, "", Type::Unknown),
        }
    }

    fn end(&mut self, family: Family<'_>) {
        if self.shape == Shape::Parts {
            self.describe(family, "_sum", Type::Unknown);
            self.out.append(&mut self.sums);
            self.describe(family, "_count", Type::Unknown);
            self.out.append(&mut self.counts);
        }
    }

    /// The lines before the samples.
    fn describe(&mut self, family: Family<'_>, suffix: &str, kind: Type) {
        let open_metrics = self.format == Format::OpenMetrics;
        // OpenMetrics names a counter's family without `_total`.
        let stem = Some(family.name())
            .filter(|_| open_metrics && kind == Type::Counter)
            .and_then(|name| name.strip_suffix("_total"));
        let name = stem.unwrap_or(family.name());
        let kind = match kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
            Type::Summary => "summary",
            Type::Unknown if open_metrics => "unknown",
            Type::Unknown => "untyped",
        };
        let out = &mut self.out;
        // A scraper may take help of nothing but spaces for a missing one.
        let help = family.help().trim();
        if !help.is_empty() {
            put(out, &["# HELP ", name, suffix, " "]);
            let quotes = if open_metrics { Quotes::End } else { Quotes::Stand };
            escape(help, quotes, &mut |part| out.extend_from_slice(part.as_bytes()));
            out.push(b'\n');
        }
        put(out, &["# TYPE ", name, suffix, " ", kind, "\n"]);
        if let Some(unit) = unit(name).filter(|_| open_metrics && suffix.is_empty()) {
            put(out, &["# UNIT ", name, " ", unit, "\n"]);
        }
    }

    fn series(&mut self, series: &Series<'_>) {
        match series.point {
            Point::Integer(n) => {
                self.start_line("", series.labels);
                number::integer(&mut self.out, n);
                self.end_line(series);
            }
            Point::Float(value) => {
                self.start_line("", series.labels);
                number::value(&mut self.out, value);
                self.end_line(series);
            }
            Point::Histogram { bounds, counts, sum } => {
                self.buckets(series, bounds, counts);
                self.sum_and_count(series, sum, counts.last().copied().unwrap_or(0));
            }
            Point::Summary { quantiles, sum, count } => {
                for (quantile, value) in quantiles {
                    self.start_line_with("", series.labels, "quantile");
                    number::bound(&mut self.out, *quantile);
                    self.out.extend_from_slice(b"\"} ");
                    number::value(&mut self.out, *value);
                    self.end_line(series);
                }
                self.sum_and_count(series, sum, count);
            }
        }
    }

    fn buckets(&mut self, series: &Series<'_>, bounds: &[f64], counts: &[u64]) {
        let these = (bounds.as_ptr().addr(), bounds.len());
        if self.bounds_of != Some(these) {
            self.bounds_of = Some(these);
            self.bounds.clear();
            self.bound_ends.clear();
            for bound in bounds.iter().chain([&f64::INFINITY]) {
                number::bound(&mut self.bounds, *bound);
                self.bounds.extend_from_slice(b"\"} ");
                self.bound_ends.push(self.bounds.len());
            }
        }
        // What the lines have in common is put together once.
        let line = self.out.len();
        self.start_line_with("_bucket", series.labels, "le");
        self.bucket.clear();
        self.bucket.extend_from_slice(&self.out[line..]);
        let mut start = 0;
        for (n, (end, count)) in self.bound_ends.iter().zip(counts).enumerate() {
            if n > 0 {
                self.out.extend_from_slice(&self.bucket);
            }
            self.out.extend_from_slice(&self.bounds[start..*end]);
            number::integer(&mut self.out, *count);
            end_line(&mut self.out, series.timestamp, self.format);
            start = *end;
        }
    }

    fn sum_and_count(&mut self, series: &Series<'_>, sum: f64, count: u64) {
        let parts = self.shape == Shape::Parts;
        // A sum that fell below zero since its family was begun comes with the next scrape.
        if !parts && self.format == Format::OpenMetrics && (sum < 0.0 || sum.is_nan()) {
            return;
        }
        if parts {
            mem::swap(&mut self.out, &mut self.sums);
        }
        self.start_line("_sum", series.labels);
        number::value(&mut self.out, sum);
        self.end_line(series);
        if parts {
            mem::swap(&mut self.out, &mut self.sums);
            mem::swap(&mut self.out, &mut self.counts);
        }
        self.start_line("_count", series.labels);
        number::integer(&mut self.out, count);
        self.end_line(series);
        if parts {
            mem::swap(&mut self.out, &mut self.counts);
        }
    }

    /// `name{labels} `, or `name ` without labels.
    fn start_line(&mut self, suffix: &str, labels: &str) {
        self.out.extend_from_slice(&self.name);
        if labels.is_empty() {
            put(&mut self.out, &[suffix, " "]);
        } else {
            put(&mut self.out, &[suffix, "{", labels, "} "]);
        }
    }

    /// `name{labels,label="`.
    fn start_line_with(&mut self, suffix: &str, labels: &str, label: &str) {
        self.out.extend_from_slice(&self.name);
        let comma = if labels.is_empty() { "" } else { "," };
        put(&mut self.out, &[suffix, "{", labels, comma, label, "=\""]);
    }

    fn end_line(&mut self, series: &Series<'_>) {
        end_line(&mut self.out, series.timestamp, self.format);
    }

    /// A scrape that its writer broke off leaves something behind.
    fn clear(&mut self) {
        for part in [&mut self.out, &mut self.sums, &mut self.counts] {
            part.clear();
        }
        self.out.reserve(CHUNK + CHUNK / 8);
    }

    fn is_small(&self) -> bool {
        self.out.capacity() + self.sums.capacity() + self.counts.capacity() <= KEPT_BYTES
    }
}

/// Text keeps time in milliseconds, OpenMetrics in seconds.
fn end_line(out: &mut Vec<u8>, timestamp: Option<i64>, format: Format) {
    if let Some(timestamp) = timestamp {
        out.push(b' ');
        match format {
            Format::OpenMetrics => number::seconds(out, timestamp),
            Format::Text => {
                if timestamp < 0 {
                    out.push(b'-');
                }
                number::integer(out, timestamp.unsigned_abs());
            }
        }
    }
    out.push(b'\n');
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The unit that ends a name and is not all of it.
fn unit(name: &str) -> Option<&str> {
    let (rest, last) = name.rsplit_once('_')?;
    (!rest.is_empty() && UNITS.contains(&last)).then_some(last)
}

/// Whether a quotation mark would end the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    End,
    Stand,
}

/// Hands on `text` piece by piece as it may stand on a page. Control characters become U+FFFD, the line feed alone
/// can be written: some scrapers end a line at a carriage return, others the page at a NUL.
pub(super) fn escape(text: &str, quotes: Quotes, put: &mut dyn FnMut(&str)) {
    let mut rest = text;
    while let Some((at, special)) =
        rest.char_indices().find(|(_, c)| c.is_control() || *c == '\\' || *c == '"' && quotes == Quotes::End)
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
fn end_of_value(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let end = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        end
    })
}

/// Whether a value was written so. A control character may have been replaced on its way to the page.
fn reads_as(written: &str, value: &str) -> bool {
    let mut written = written.chars();
    let mut written = std::iter::from_fn(|| match written.next()? {
        '\\' => written.next().map(|c| if c == 'n' { '\n' } else { c }),
        c => Some(c),
    });
    value.chars().all(|c| written.next().is_some_and(|w| w == c || w == '\u{fffd}' && c.is_control()))
        && written.next().is_none()
}
