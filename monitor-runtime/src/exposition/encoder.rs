//! The text of a page: the only place that lays out lines. What stands on the page is decided before.

use std::{
    io::{self, Write},
    mem,
    sync::{Mutex, PoisonError},
};

use prometheus::Registry;

use crate::metrics::exemplar::{self, Exemplar};

use super::{
    Format,
    escape::{Quotes, escape},
    number,
    page::{Family, Page},
    sample::{Point, Series, Show, Type},
};

/// Where the buffer is handed on; a scrape needs so much memory and no more, however long the page is.
const CHUNK: usize = 32 * 1024;
/// Scrapes that come at the same time each need a workspace; more than these are given back to the heap.
const KEPT_WORKSPACES: usize = 4;
/// A workspace that one strange family blew up is not kept.
const KEPT_BYTES: usize = 8 * CHUNK;

/// OpenMetrics' base units.
const UNITS: [&str; 9] = ["seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams"];

/// Behind the value of the last label.
const END_OF_LABELS: &[u8] = b"\"} ";

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
    let mut writer = Writer { text, out, result: Ok(()) };
    for (family, typed) in page.families() {
        writer.text.begin(family, typed, format);
        family.for_each(counts, &mut writer);
        writer.text.end(family);
        writer.hand_on_full();
        mem::replace(&mut writer.result, Ok(()))?;
    }
    if format == Format::OpenMetrics {
        writer.text.out.extend_from_slice(b"# EOF\n");
    }
    writer.hand_on();
    writer.result
}

/// Hands the text on whenever a chunk is full. After an error nothing more is written.
struct Writer<'a> {
    text: &'a mut Text,
    out: &'a mut dyn Write,
    result: io::Result<()>,
}

impl Show for Writer<'_> {
    #[inline(always)]
    fn show(&mut self, series: &Series<'_>) {
        if self.result.is_ok() {
            self.text.series(series);
            self.hand_on_full();
        }
    }
}

impl Writer<'_> {
    #[inline(always)]
    fn hand_on_full(&mut self) {
        if self.text.out.len() >= CHUNK {
            self.hand_on();
        }
    }

    #[cold]
    fn hand_on(&mut self) {
        if self.result.is_ok() {
            self.result = self.out.write_all(&self.text.out);
        }
        self.text.out.clear();
    }
}

/// The lines of a page, and the parts of a line that one family or one series has in common.
#[derive(Default)]
struct Text {
    out: Vec<u8>,
    format: Format,
    shape: Shape,
    /// How the lines of the family begin: `name{`, `name_sum{`, `name_count{`.
    plain: Vec<u8>,
    sum: Vec<u8>,
    count: Vec<u8>,
    /// What the lines of the series at hand have in common: `name_bucket{labels,le="`.
    stem: Vec<u8>,
    /// What differs, for each of the bounds at hand, the infinite one last: `0.005"} `.
    bounds: Vec<Padded>,
    /// Which bounds these are: all series of one of our families have the same.
    bounds_of: Vec<f64>,
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
        for (head, suffix) in [(&mut self.plain, ""), (&mut self.sum, "_sum"), (&mut self.count, "_count")] {
            head.clear();
            put(head, &[family.name(), suffix, "{"]);
        }
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

    #[inline(always)]
    fn series(&mut self, series: &Series<'_>) {
        match series.point {
            Point::Integer(n) => {
                start_line(&mut self.out, &self.plain, series.labels);
                number::integer(&mut self.out, n);
                self.end_line(series);
            }
            Point::Float(value) => {
                start_line(&mut self.out, &self.plain, series.labels);
                number::value(&mut self.out, value);
                self.end_line(series);
            }
            Point::Histogram { bounds, counts, sum, exemplars } => {
                self.buckets(series, bounds, counts, exemplars);
                self.sum_and_count(series, sum, counts.last().copied().unwrap_or(0));
            }
            Point::Summary { quantiles, sum, count } => {
                self.quantiles(series, quantiles);
                self.sum_and_count(series, sum, count);
            }
        }
    }

    fn quantiles(&mut self, series: &Series<'_>, quantiles: &[(f64, f64)]) {
        self.make_stem("", series.labels, "quantile");
        for (quantile, value) in quantiles {
            self.out.extend_from_slice(&self.stem);
            number::bound(&mut self.out, *quantile);
            self.out.extend_from_slice(END_OF_LABELS);
            number::value(&mut self.out, *value);
            self.end_line(series);
        }
    }

    fn buckets(&mut self, series: &Series<'_>, bounds: &[f64], counts: &[u64], exemplars: Option<u32>) {
        if self.bounds.is_empty() || self.bounds_of != bounds {
            self.bounds_of.clear();
            self.bounds_of.extend_from_slice(bounds);
            self.bounds.clear();
            self.bounds
                .extend(bounds.iter().chain([&f64::INFINITY]).map(|bound| Padded::bound(*bound, &mut self.stem)));
        }
        self.make_stem("_bucket", series.labels, "le");
        let mut space = itoa::Buffer::new();
        let mut last = 0;
        let mut text = space.format(last);
        // Only OpenMetrics has exemplars, and only a histogram that it calls one.
        let exemplars = exemplars.filter(|_| self.format == Format::OpenMetrics && self.shape == Shape::Whole);
        for (number, (bound, count)) in (0..).zip(self.bounds.iter().zip(counts)) {
            // Most buckets add nothing to the one before.
            if last != *count {
                last = *count;
                text = space.format(last);
            }
            self.out.extend_from_slice(&self.stem);
            bound.put(&mut self.out);
            self.out.extend_from_slice(text.as_bytes());
            if let Some(exemplar) = exemplars.and_then(|first| exemplar::of(first.wrapping_add(number))) {
                put_exemplar(&mut self.out, &exemplar);
            }
            end_line(&mut self.out, series.timestamp, self.format);
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
        start_line(&mut self.out, &self.sum, series.labels);
        number::value(&mut self.out, sum);
        self.end_line(series);
        if parts {
            mem::swap(&mut self.out, &mut self.sums);
            mem::swap(&mut self.out, &mut self.counts);
        }
        start_line(&mut self.out, &self.count, series.labels);
        number::integer(&mut self.out, count);
        self.end_line(series);
        if parts {
            mem::swap(&mut self.out, &mut self.counts);
        }
    }

    /// `name{labels,label="`.
    fn make_stem(&mut self, suffix: &str, labels: &str, label: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        self.stem.clear();
        self.stem.extend_from_slice(&self.plain[..self.plain.len() - 1]);
        put(&mut self.stem, &[suffix, "{", labels, comma, label, "=\""]);
    }

    #[inline(always)]
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

/// ` # {trace_id="4bf9..."} 0.7 1700000000.5`. The labels have 40 of the 128 characters that OpenMetrics allows.
#[cold]
fn put_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    put(out, &[" # {trace_id=\"", &exemplar.trace_id.to_string(), "\"} "]);
    number::value(out, exemplar.value);
    out.push(b' ');
    number::value(out, exemplar.time);
}

/// The end of a line's labels when the last is a number, `0.005"} `, with room behind it: a copy of a length that is
/// known beforehand is two moves, any other a call, and this is made for every bucket of every series.
struct Padded {
    text: [u8; Padded::MOST],
    len: usize,
}

impl Padded {
    /// A float has at most 24 bytes.
    const MOST: usize = 32;

    fn bound(bound: f64, space: &mut Vec<u8>) -> Padded {
        space.clear();
        number::bound(space, bound);
        space.extend_from_slice(END_OF_LABELS);
        let len = space.len();
        space.resize(Padded::MOST, 0);
        Padded { text: space.as_slice().try_into().unwrap_or_default(), len }
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text);
        out.truncate(out.len() - (Padded::MOST - self.len));
    }
}

/// `name{labels} `, or `name ` without labels; the head is `name{`.
#[inline(always)]
fn start_line(out: &mut Vec<u8>, head: &[u8], labels: &str) {
    match (head, labels) {
        ([name @ .., _], "") => {
            out.extend_from_slice(name);
            out.push(b' ');
        }
        _ => {
            out.extend_from_slice(head);
            out.extend_from_slice(labels.as_bytes());
            out.extend_from_slice(b"} ");
        }
    }
}

#[inline(always)]
fn end_line(out: &mut Vec<u8>, timestamp: Option<i64>, format: Format) {
    if let Some(timestamp) = timestamp {
        put_timestamp(out, timestamp, format);
    }
    out.push(b'\n');
}

/// Text keeps time in milliseconds, OpenMetrics in seconds.
#[cold]
fn put_timestamp(out: &mut Vec<u8>, timestamp: i64, format: Format) {
    out.push(b' ');
    if format == Format::OpenMetrics {
        number::seconds(out, timestamp);
    } else {
        out.extend_from_slice(itoa::Buffer::new().format(timestamp).as_bytes());
    }
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The unit that ends a name.
fn unit(name: &str) -> Option<&str> {
    name.rsplit_once('_').map(|(_, last)| last).filter(|last| UNITS.contains(last))
}
