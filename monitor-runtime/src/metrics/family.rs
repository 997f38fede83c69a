//! A family: its declaration, its place in a registry, and what a scrape sees of it; the numbers are in `cells`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::cells;
use super::label::Label;
use super::series::SeriesTable;
use crate::health::{self, Trouble};

/// The series that a family may have when its declaration names no limit.
pub const DEFAULT_LIMIT: u32 = 2_000;

/// What a family's numbers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Observations, by bucket, and their sum.
    Histogram,
}

impl Kind {
    /// The kind as both formats spell it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// What `metrics!` wrote down about a family.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The name on the page.
    pub name: &'static str,
    /// The doc comment.
    pub help: &'static str,
    /// The labels, in order.
    pub labels: &'static [Label],
    /// A histogram's upper bounds, rising, without `+Inf`.
    pub bounds: &'static [f64],
    /// How many series it may have.
    pub limit: u32,
    /// Where it stands.
    pub place: Place,
    /// Where it is registered.
    pub registry: fn() -> &'static Registry,
}

/// A place in a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the compiler names it.
    pub file: &'static str,
    /// The line.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A declared family; found in its registry, or put there, at the first use of any family.
#[derive(Debug)]
pub struct Family {
    kind: Kind,
    declaration: Declaration,
    core: OnceLock<&'static Core>,
}

impl Family {
    pub(super) const fn new(kind: Kind, declaration: Declaration) -> Self {
        Family { kind, declaration, core: OnceLock::new() }
    }

    /// A family of its own with this declaration, in `registry`.
    pub(super) fn in_registry(&self, registry: &Registry) -> Result<Family, RegisterError> {
        let core = with_book(|book| {
            // First what is declared: the registry's collectors, which are asked here, may use it.
            book.register_declared();
            book.place(self.kind, &self.declaration, registry)
        })?;
        Ok(Family { kind: self.kind, declaration: self.declaration, core: OnceLock::from(core) })
    }

    /// The family's core; `None` only while a registry is being gathered on this thread for the first registration,
    /// when waiting for it would wait for ourselves.
    #[inline]
    pub(crate) fn core(&self) -> Option<&'static Core> {
        match self.core.get() {
            Some(core) => Some(core),
            None => self.settle(),
        }
    }

    #[inline]
    pub(crate) fn bounds(&self) -> &'static [f64] {
        self.declaration.bounds
    }

    #[cold]
    fn settle(&self) -> Option<&'static Core> {
        if REGISTERING.get() {
            LOST.fetch_add(1, Relaxed);
            return None;
        }
        with_book(|book| {
            book.register_declared();
            book.register(self);
        });
        self.core.get().copied()
    }
}

/// A family in the list of all that this program declares.
#[derive(Debug)]
pub struct Declared(pub &'static Family);
inventory::collect!(Declared);

/// Registers every declared family.
///
/// The first use of any family and the first scrape do it by themselves. An application that calls it at its start
/// learns of conflicts then, instead of missing a family on the page later:
///
/// ```
/// monitor_runtime::register().expect("two metrics of one name");
/// ```
///
/// # Errors
/// The conflicts, if there are any: a name declared twice with different shapes, or already taken by another library.
/// The families concerned work, but are on no page.
pub fn register() -> Result<(), RegisterErrors> {
    let errors = with_book(|book| {
        book.register_declared();
        book.errors.clone()
    });
    if errors.is_empty() { Ok(()) } else { Err(RegisterErrors(errors)) }
}

/// What a scrape sees of a family. It lives as long as the process, so a handle to one of its series is a plain copy.
pub(crate) struct Core {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) labels: &'static [Label],
    pub(crate) bounds: &'static [f64],
    pub(crate) limit: u32,
    pub(crate) series: SeriesTable,
    place: Place,
    /// Whether a page may take the family itself: not where the registry adds a prefix or labels of its own.
    handed_over: bool,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("name", &self.name).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Core {
    fn new(kind: Kind, declaration: &Declaration, handed_over: bool) -> Option<Core> {
        let cells = match kind {
            Kind::Counter => 1,
            Kind::Gauge => cells::GAUGE_CELLS,
            Kind::Histogram => declaration.bounds.len() + 2,
        };
        let series = SeriesTable::new(declaration.labels, declaration.limit, cells)?;
        for_all_known(declaration, &mut |values| {
            series.cell(values);
        });
        Some(Core {
            kind,
            name: declaration.name,
            help: declaration.help,
            labels: declaration.labels,
            bounds: declaration.bounds,
            limit: declaration.limit,
            series,
            place: declaration.place,
            handed_over,
        })
    }

    fn has_shape(&self, kind: Kind, declaration: &Declaration) -> bool {
        self.kind == kind
            && self.help == declaration.help
            && self.labels == declaration.labels
            && self.bounds == declaration.bounds
            && self.limit == declaration.limit
    }

    fn shape(&self) -> String {
        shape(self.kind, self.help, self.labels, self.bounds, self.limit)
    }

    /// The family as the registry's own types show it.
    fn to_proto(&self) -> proto::MetricFamily {
        let mut family = proto::MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(match self.kind {
            Kind::Counter => proto::MetricType::COUNTER,
            Kind::Gauge => proto::MetricType::GAUGE,
            Kind::Histogram => proto::MetricType::HISTOGRAM,
        });
        let metrics = family.mut_metric();
        self.series.for_each(&mut |text, cell| {
            let mut metric = proto::Metric::from_label(pairs(text));
            match self.kind {
                Kind::Counter => {
                    let mut counter = proto::Counter::default();
                    counter.set_value(cells::sum(cell) as f64);
                    metric.set_counter(counter);
                }
                Kind::Gauge => {
                    let mut gauge = proto::Gauge::default();
                    gauge.set_value(cells::gauge(cell));
                    metric.set_gauge(gauge);
                }
                Kind::Histogram => metric.set_histogram(self.histogram(cell)),
            }
            metrics.push(metric);
        });
        family
    }

    fn histogram(&self, first: u32) -> proto::Histogram {
        let mut histogram = proto::Histogram::default();
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.bounds.len());
        for (cell, bound) in (first..).zip(self.bounds) {
            count += cells::sum(cell);
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(count);
            buckets.push(bucket);
        }
        let last = first + self.bounds.len() as u32;
        histogram.set_bucket(buckets);
        histogram.set_sample_count(count + cells::sum(last));
        histogram.set_sample_sum(cells::sum_f64(last + 1));
        histogram
    }
}

/// Gathers `registry`: families of ours are pushed to `ours` as they are, all others come back copied.
///
/// Our collectors take part in the registry's own `gather`. On a thread that is in here they hand over the family
/// itself and return nothing, so that a page of ours is written without a copy, and a registry needs no second list.
pub(crate) fn gather(registry: &Registry, ours: &mut Vec<&'static Core>) -> Vec<proto::MetricFamily> {
    // Registered first, so that a collector that uses a family of ours does not register it inside the registry's lock.
    let _ = register();
    let outer = HANDED_OVER.replace(Some(std::mem::take(ours)));
    let _restore = Restore(outer);
    let others = registry.gather();
    *ours = HANDED_OVER.take().unwrap_or_default();
    others
}

struct Restore(Option<Vec<&'static Core>>);

impl Drop for Restore {
    fn drop(&mut self) {
        HANDED_OVER.replace(self.0.take());
    }
}

thread_local! {
    static HANDED_OVER: RefCell<Option<Vec<&'static Core>>> = const { RefCell::new(None) };
    static REGISTERING: Cell<bool> = const { Cell::new(false) };
}

struct InRegistry {
    core: &'static Core,
    desc: Desc,
}

impl Collector for InRegistry {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let taken = self.core.handed_over
            && HANDED_OVER.with_borrow_mut(|page| page.as_mut().map(|page| page.push(self.core)).is_some());
        if taken { Vec::new() } else { vec![self.core.to_proto()] }
    }
}

/// Every family that was ever registered, and what went wrong. Its lock is held while a registry is asked, never while
/// a measurement is made.
struct Book {
    cores: Vec<&'static Core>,
    declared: bool,
    errors: Vec<RegisterError>,
}

static BOOK: Mutex<Book> = Mutex::new(Book { cores: Vec::new(), declared: false, errors: Vec::new() });

/// Measurements lost because their family was being registered.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Opens the book. Troubles are counted when it is closed again: the families that count them may be in question here.
fn with_book<T>(deed: impl FnOnce(&mut Book) -> T) -> T {
    struct Registering;
    impl Drop for Registering {
        fn drop(&mut self) {
            REGISTERING.set(false);
        }
    }
    let (done, failures) = {
        let mut book = BOOK.lock().unwrap_or_else(PoisonError::into_inner);
        REGISTERING.set(true);
        let _registering = Registering;
        let before = book.errors.len();
        let done = deed(&mut book);
        (done, book.errors.len() - before)
    };
    health::troubles(Trouble::FamilyNotRegistered, failures as u64);
    health::troubles(Trouble::UsedWhileRegistering, LOST.swap(0, Relaxed));
    done
}

impl Book {
    fn register_declared(&mut self) {
        if self.declared {
            return;
        }
        self.declared = true;
        crate::clock::prepare();
        // By name, so that which of two conflicting declarations wins does not depend on the linker.
        let mut declared: Vec<&'static Family> = inventory::iter::<Declared>.into_iter().map(|d| d.0).collect();
        declared.sort_by_key(|f| (f.declaration.name, f.declaration.place.file, f.declaration.place.line));
        for family in declared {
            self.register(family);
        }
    }

    /// Settles `family`: in its registry, or, when that cannot be, by itself on no page.
    fn register(&mut self, family: &Family) {
        if family.core.get().is_some() {
            return;
        }
        let placed = self.place(family.kind, &family.declaration, (family.declaration.registry)());
        let core = placed.or_else(|error| {
            self.errors.push(error);
            Core::new(family.kind, &family.declaration, false).map(|core| &*Box::leak(Box::new(core))).ok_or(())
        });
        if let Ok(core) = core {
            // Nobody else sets it: the book is open here.
            let _ = family.core.set(core);
        }
    }

    fn place(
        &mut self,
        kind: Kind,
        declaration: &Declaration,
        registry: &Registry,
    ) -> Result<&'static Core, RegisterError> {
        let suspects: Vec<&'static Core> =
            self.cores.iter().copied().filter(|core| clash(core, kind, declaration.name)).collect();
        if !suspects.is_empty() {
            let mut there = Vec::new();
            there_are(registry, &mut there);
            for core in suspects.into_iter().filter(|core| there.iter().any(|other| std::ptr::eq(*other, *core))) {
                return if core.name == declaration.name && core.has_shape(kind, declaration) {
                    Ok(core)
                } else {
                    Err(RegisterError::Conflict {
                        name: declaration.name,
                        place: declaration.place,
                        shape: shape(kind, declaration.help, declaration.labels, declaration.bounds, declaration.limit),
                        other_name: core.name,
                        other_place: core.place,
                        other_shape: core.shape(),
                    })
                };
            }
        }
        let taken = |reason: String| RegisterError::Taken { name: declaration.name, place: declaration.place, reason };
        let desc = Desc::new(
            declaration.name.to_owned(),
            declaration.help.to_owned(),
            declaration.labels.iter().map(|label| label.name.to_owned()).collect(),
            Default::default(),
        )
        .map_err(|error| taken(error.to_string()))?;
        let core = Core::new(kind, declaration, is_plain(registry))
            .ok_or(RegisterError::Full { name: declaration.name, place: declaration.place })?;
        let core: &'static Core = Box::leak(Box::new(core));
        registry.register(Box::new(InRegistry { core, desc })).map_err(|error| taken(error.to_string()))?;
        self.cores.push(core);
        Ok(core)
    }
}

/// The families of ours that `registry` holds.
fn there_are(registry: &Registry, ours: &mut Vec<&'static Core>) {
    let _restore = Restore(HANDED_OVER.replace(Some(Vec::new())));
    registry.gather();
    ours.extend(HANDED_OVER.take().unwrap_or_default());
}

/// Whether a registry shows names as they are. The default one does; any other is asked with a family of its own,
/// because a prefix or labels given to [`Registry::new_custom`] can be seen only in what it gathers.
fn is_plain(registry: &Registry) -> bool {
    const NAME: &str = "monitor_probe";
    struct Probe(Desc);
    impl Collector for Probe {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.0]
        }
        fn collect(&self) -> Vec<proto::MetricFamily> {
            let mut family = proto::MetricFamily::default();
            family.set_name(NAME.to_owned());
            family.mut_metric().push(proto::Metric::default());
            vec![family]
        }
    }
    let probe = || Desc::new(NAME.to_owned(), "A question.".to_owned(), Vec::new(), Default::default()).map(Probe);
    if std::ptr::eq(registry, prometheus::default_registry()) {
        return true;
    }
    let (Ok(asked), Ok(same)) = (probe(), probe()) else { return false };
    if registry.register(Box::new(asked)).is_err() {
        return false;
    }
    let _restore = Restore(HANDED_OVER.replace(Some(Vec::new())));
    let plain = registry
        .gather()
        .iter()
        .any(|family| family.name() == NAME && family.get_metric().iter().all(|metric| metric.get_label().is_empty()));
    // Our own probe, registered above: it is there.
    let _ = registry.unregister(Box::new(same));
    plain
}

/// Whether a family `name` of this kind would write samples that `core` writes too.
fn clash(core: &Core, kind: Kind, name: &str) -> bool {
    let extends = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| matches!(rest, "_bucket" | "_sum" | "_count"))
    };
    core.name == name
        || core.kind == Kind::Histogram && extends(name, core.name)
        || kind == Kind::Histogram && extends(core.name, name)
        // In OpenMetrics a counter `x_total` is the family `x`.
        || core.name.strip_suffix("_total") == Some(name) && core.kind == Kind::Counter
        || name.strip_suffix("_total") == Some(core.name) && kind == Kind::Counter
}

/// Visits every label set of a family whose labels all know their values, when there are few enough.
fn for_all_known(declaration: &Declaration, visit: &mut dyn FnMut(&[&str])) {
    let Some(values) = declaration.labels.iter().map(|label| label.values).collect::<Option<Vec<_>>>() else { return };
    let count = values.iter().try_fold(1usize, |count, values| count.checked_mul(values.len()));
    let Some(count) = count.filter(|count| *count <= declaration.limit as usize) else { return };
    let mut set: Vec<&str> = vec![""; values.len()];
    for mut number in 0..count {
        for (value, values) in set.iter_mut().zip(&values).rev() {
            *value = values[number % values.len()];
            number /= values.len();
        }
        visit(&set);
    }
}

/// `a="x",b="y"` -> pairs with their escapes undone.
fn pairs(text: &str) -> Vec<proto::LabelPair> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((name, tail)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = tail.char_indices();
        let mut end = tail.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c)) => value.push(c),
                    None => {}
                },
                c => value.push(c),
            }
        }
        let mut pair = proto::LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pairs.push(pair);
        rest = tail[end..].trim_start_matches(',');
    }
    pairs
}

fn shape(kind: Kind, help: &str, labels: &[Label], bounds: &[f64], limit: u32) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|label| match label.max {
            Some(max) => format!("{} (max {max})", label.name),
            None => label.name.to_owned(),
        })
        .collect();
    let mut shape = format!("{} {{{}}} {help:?}", kind.as_str(), labels.join(", "));
    if kind == Kind::Histogram {
        shape += &format!(" buckets {bounds:?}");
    }
    if limit != DEFAULT_LIMIT {
        shape += &format!(" limit {limit}");
    }
    shape
}

/// Why a family is on no page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another declaration has the name, or writes samples of that name, with another shape.
    Conflict {
        /// The family that was refused.
        name: &'static str,
        /// Where it is declared.
        place: Place,
        /// Its kind, labels, help and buckets.
        shape: String,
        /// The family that was there.
        other_name: &'static str,
        /// Where that one is declared.
        other_place: Place,
        /// Its kind, labels, help and buckets.
        other_shape: String,
    },
    /// A collector of another library has the name.
    Taken {
        /// The family that was refused.
        name: &'static str,
        /// Where it is declared.
        place: Place,
        /// What the registry says.
        reason: String,
    },
    /// The process has no room for another family.
    Full {
        /// The family that was refused.
        name: &'static str,
        /// Where it is declared.
        place: Place,
    },
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterError::Conflict { name, place, shape, other_name, other_place, other_shape } => write!(
                f,
                "`{name}`, declared as {shape} at {place}, conflicts with `{other_name}`, \
                 declared as {other_shape} at {other_place}; give one of them another name or both the same shape"
            ),
            RegisterError::Taken { name, place, reason } => {
                write!(f, "`{name}`, declared at {place}, cannot be registered: {reason}; give it another name")
            }
            RegisterError::Full { name, place } => {
                write!(f, "`{name}`, declared at {place}, has no room: this process holds too many series already")
            }
        }
    }
}

impl std::error::Error for RegisterError {}

/// Every conflict that [`register`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterErrors(pub Vec<RegisterError>);

impl fmt::Display for RegisterErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for RegisterErrors {}
