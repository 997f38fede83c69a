//! Which families stand in which registry: each name once, beside other libraries' collectors; what is in the way of
//! that is an error of the declaration, never of a call.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, OnceLock, PoisonError};

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::family::{Computed, Core, DEFAULT_GROWTH, DEFAULT_LIMIT, Declaration, Declared, Family, Kind};
use super::trouble::{Trouble, caught, trouble, troubles};
use crate::place::Place;

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
    if REGISTERING.get() {
        // A collector, asked while we register, asks for a page itself.
        return Ok(());
    }
    let errors = with_book(|book| {
        book.register_declared();
        book.errors.clone()
    });
    if errors.is_empty() { Ok(()) } else { Err(RegisterErrors(errors)) }
}

/// A family of its own with this declaration, in `registry`.
pub(super) fn place(
    kind: Kind,
    declaration: &Declaration,
    registry: &Registry,
) -> Result<&'static Core, RegisterError> {
    if REGISTERING.get() {
        return Err(RegisterError::Gathering { name: declaration.name, place: declaration.place });
    }
    with_book(|book| {
        // First what is declared: the registry's collectors, which are asked here, may use it.
        book.register_declared();
        book.place(kind, declaration, registry, Fit::Exact)
    })
}

/// [`place`], but where the registry holds a family of this name, kind and labels, that one in its own words.
pub(super) fn join(kind: Kind, declaration: &Declaration, registry: &Registry) -> Result<&'static Core, RegisterError> {
    if REGISTERING.get() {
        return Err(RegisterError::Gathering { name: declaration.name, place: declaration.place });
    }
    with_book(|book| {
        book.register_declared();
        book.place(kind, declaration, registry, Fit::Labels)
    })
}

/// What a family that is there has to have in common with a declaration to be meant by it.
#[derive(Clone, Copy)]
enum Fit {
    /// Everything.
    Exact,
    /// The labels' names.
    Labels,
}

impl Fit {
    fn fits(self, core: &Core, declaration: &Declaration) -> bool {
        match self {
            Fit::Exact => core.has_shape_of(declaration),
            Fit::Labels => core.labels.iter().map(|label| label.name).eq(declaration.labels.iter().map(|l| l.name)),
        }
    }
}

/// Finds `family` its core, and every other declared family too.
pub(super) fn settle(family: &Family) {
    if REGISTERING.get() {
        LOST.fetch_add(1, Relaxed);
        return;
    }
    with_book(|book| {
        book.register_declared();
        book.register(family);
    });
}

impl Family {
    /// A family of its own with this declaration, in `registry`.
    pub(super) fn in_registry(&self, registry: &Registry) -> Result<Family, RegisterError> {
        let core = place(self.kind, &self.declaration, registry)?;
        Ok(Family { kind: self.kind, declaration: self.declaration, core: OnceLock::from(core) })
    }

    /// The family of this name and these labels in `registry`, whatever else is said of it there; else one of its own.
    pub(super) fn joining(&self, registry: &Registry) -> Result<Family, RegisterError> {
        let core = join(self.kind, &self.declaration, registry)?;
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

    #[cold]
    fn settle(&self) -> Option<&'static Core> {
        settle(self);
        self.core.get().copied()
    }
}

/// Gathers `registry`: families of ours are pushed to `ours` as they are, all others come back copied.
///
/// Our collectors take part in the registry's own `gather`. On a thread that is in here they hand over the family
/// itself and return nothing, so that a page of ours is written without a copy, and a registry needs no second list.
pub(crate) fn gather(registry: &Registry, ours: &mut Vec<&'static Core>) -> Vec<proto::MetricFamily> {
    // Registered first, so that a collector that uses a family of ours does not register it inside the registry's lock.
    let _ = register();
    if !REGISTERING.get() {
        inventory::iter::<Computed>.into_iter().for_each(|computed| (computed.refresh)());
    }
    let before = ours.len();
    let asked = Asked::start(Whom::Plain, std::mem::take(ours));
    let others = gathered(registry);
    *ours = asked.finish();
    match others {
        Some(others) => others,
        // What others gave is lost with the panic. Ours are known, but by whom the book is open.
        None if REGISTERING.get() => Vec::new(),
        None => {
            trouble(Trouble::CollectorPanicked);
            ours.truncate(before);
            let book = BOOK.lock().unwrap_or_else(PoisonError::into_inner).cores.clone();
            ours.extend(
                book.iter().filter(|there| there.core.handed_over && there.is_in(registry)).map(|there| there.core),
            );
            Vec::new()
        }
    }
}

/// What a registry gathers; `None` where one of its collectors panics.
fn gathered(registry: &Registry) -> Option<Vec<proto::MetricFamily>> {
    let gather = AssertUnwindSafe(|| registry.gather());
    // What is dropped may panic in its turn.
    catch_unwind(gather).map_err(std::mem::forget).ok()
}

/// A collector whose panic is its own: its families are left out, it is counted in
/// `monitor_instrumentation_errors_total{kind="collector_panicked"}`, and the page has everything else. A registry does not
/// tell whose panic it was, so without this all families but those of `metrics!` are missing from such a page.
///
/// ```
/// use monitor_runtime::{Guarded, prometheus};
///
/// let queue = prometheus::IntGauge::new("queue_length", "Jobs that wait")?;
/// prometheus::default_registry().register(Box::new(Guarded::new(queue.clone())))?;
/// # Ok::<(), prometheus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Guarded<C>(C);

impl<C: Collector> Guarded<C> {
    /// Around `collector`.
    pub const fn new(collector: C) -> Self {
        Guarded(collector)
    }
}

impl<C: Collector> Collector for Guarded<C> {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        if READY.load(Acquire) && !REGISTERING.get() {
            return caught(Trouble::CollectorPanicked, || self.0.collect()).unwrap_or_default();
        }
        // The registry is locked, and the family that counts may not be in it yet.
        catch_unwind(AssertUnwindSafe(|| self.0.collect())).map_err(std::mem::forget).unwrap_or_default()
    }
}

/// Whose cores are handed over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Those that a page may write as they are.
    Plain,
    /// All.
    All,
}

/// While it lives, our collectors on this thread hand over their cores.
struct Asked {
    /// Gathering may be nested: a collector may gather another registry.
    outer: Option<(Whom, Vec<&'static Core>)>,
}

impl Asked {
    fn start(whom: Whom, found: Vec<&'static Core>) -> Asked {
        Asked { outer: HANDED_OVER.replace(Some((whom, found))) }
    }

    fn finish(self) -> Vec<&'static Core> {
        HANDED_OVER.take().map(|(_, found)| found).unwrap_or_default()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        HANDED_OVER.replace(self.outer.take());
    }
}

thread_local! {
    static HANDED_OVER: RefCell<Option<(Whom, Vec<&'static Core>)>> = const { RefCell::new(None) };
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
        // For a page of ours it was done before; here the registry is locked.
        if let Some(refresh) = self.core.refresh.get()
            && READY.load(Acquire)
            && !REGISTERING.get()
            && HANDED_OVER.with_borrow(Option::is_none)
        {
            refresh();
        }
        let taken = HANDED_OVER.with_borrow_mut(|asked| match asked {
            Some((whom, found)) if *whom == Whom::All || self.core.handed_over => {
                found.push(self.core);
                true
            }
            _ => false,
        });
        if taken { Vec::new() } else { vec![self.core.to_proto()] }
    }
}

/// A family, and the registry that it was put into.
#[derive(Clone)]
struct Placed {
    core: &'static Core,
    registry: Registry,
}

impl Placed {
    fn is_in(&self, registry: &Registry) -> bool {
        are_one(&self.registry, registry)
    }
}

/// Every family that was ever registered, and what went wrong. Its lock is held while a registry is asked, never while
/// a measurement is made.
struct Book {
    cores: Vec<Placed>,
    declared: bool,
    errors: Vec<RegisterError>,
}

static BOOK: Mutex<Book> = Mutex::new(Book { cores: Vec::new(), declared: false, errors: Vec::new() });

/// Whether every declared family is registered: before that, who uses one inside a registry's lock would wait for it.
static READY: AtomicBool = AtomicBool::new(false);

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
        (done, book.errors.split_at(before).1.to_vec())
    };
    caught(Trouble::LogPanicked, || log(&failures));
    let failures = failures.len();
    troubles(Trouble::FamilyNotRegistered, failures as u64);
    troubles(Trouble::UsedWhileRegistering, LOST.swap(0, Relaxed));
    done
}

/// Logs what cannot be registered; what two versions of this crate take from each other as one thing.
fn log(failures: &[RegisterError]) {
    let is_of_two = |error: &&RegisterError| matches!(error, RegisterError::Taken { name, .. } if *name == OWN_FAMILY);
    if let Some(error) = failures.iter().find(is_of_two) {
        return tracing::error!(target: "monitor_runtime", families = failures.len(), "{error}");
    }
    for error in failures {
        tracing::error!(target: "monitor_runtime", "{error}");
    }
}

/// The family that every version of this crate has.
const OWN_FAMILY: &str = "monitor_instrumentation_errors_total";

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
        READY.store(true, Release);
    }

    /// Settles `family`: in its registry, or, when that cannot be, by itself on no page.
    fn register(&mut self, family: &Family) {
        if family.core.get().is_some() {
            return;
        }
        let Declaration { name, place, registry, .. } = family.declaration;
        let placed = match catch_unwind(registry) {
            Ok(registry) => self.place(family.kind, &family.declaration, registry, Fit::Exact),
            Err(payload) => {
                // What is dropped may panic in its turn.
                std::mem::forget(payload);
                let reason = "the function that gives its registry panicked".to_owned();
                Err(RegisterError::Taken { name, place, reason })
            }
        };
        let core = placed.or_else(|error| {
            self.errors.push(error);
            Core::new(family.kind, &family.declaration, false).ok_or(())
        });
        if let Ok(core) = core {
            // Nobody else sets them: the book is open here.
            let _ = family.core.set(core);
            let mut computed = inventory::iter::<Computed>.into_iter();
            if let Some(computed) = computed.find(|c| c.families.iter().any(|other| std::ptr::eq(*other, family))) {
                let _ = core.refresh.set(computed.refresh);
            }
        }
    }

    fn place(
        &mut self,
        kind: Kind,
        declaration: &Declaration,
        registry: &Registry,
        fit: Fit,
    ) -> Result<&'static Core, RegisterError> {
        let suspects: Vec<Placed> =
            self.cores.iter().filter(|there| clash(there.core, kind, declaration.name)).cloned().collect();
        if let Some(core) = first_of(suspects, registry) {
            return if core.name == declaration.name && core.kind == kind && fit.fits(core, declaration) {
                Ok(core)
            } else {
                Err(RegisterError::Conflict(Box::new(Conflict {
                    refused: Shape {
                        name: declaration.name,
                        place: declaration.place,
                        shape: shape(kind, declaration),
                    },
                    there: Shape { name: core.name, place: core.place, shape: shape(core.kind, core) },
                })))
            };
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
        registry.register(Box::new(InRegistry { core, desc })).map_err(|error| taken(error.to_string()))?;
        self.cores.push(Placed { core, registry: registry.clone() });
        Ok(core)
    }
}

/// Whether two handles are one registry, which a registry does not say: what is put into one of them is then in the
/// other.
pub(crate) fn are_one(a: &Registry, b: &Registry) -> bool {
    /// It is on no page, for it has no samples.
    struct Mark(Desc);
    impl Collector for Mark {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.0]
        }
        fn collect(&self) -> Vec<proto::MetricFamily> {
            Vec::new()
        }
    }
    let mark = || {
        let desc = Desc::new("monitor_mark".to_owned(), "A mark.".to_owned(), Vec::new(), Default::default());
        desc.map(|desc| Box::new(Mark(desc)) as Box<dyn Collector>)
    };
    let put = |registry: &Registry| mark().and_then(|mark| registry.register(mark));
    let take = |registry: &Registry| mark().and_then(|mark| registry.unregister(mark));
    // One at a time, or the one finds the other's mark.
    static ASKING: Mutex<()> = Mutex::new(());
    let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    if put(a).is_err() {
        return false;
    }
    let different = put(b).is_ok();
    // Both are our own marks, put there above.
    let _ = take(a);
    if different {
        let _ = take(b);
    }
    !different
}

/// The first of these families that `registry` holds. Only the registry knows: two handles may be one registry.
fn first_of(suspects: Vec<Placed>, registry: &Registry) -> Option<&'static Core> {
    if suspects.is_empty() {
        return None;
    }
    let asked = Asked::start(Whom::All, Vec::new());
    let whole = gathered(registry).is_some();
    let there = asked.finish();
    let is_there = |suspect: &Placed| {
        // Where a collector panics, what was put there is taken to be there yet.
        if whole { there.iter().any(|other| std::ptr::eq(*other, suspect.core)) } else { suspect.is_in(registry) }
    };
    suspects.into_iter().find(is_there).map(|there| there.core)
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
    let _asked = Asked::start(Whom::All, Vec::new());
    let plain = gathered(registry)
        .iter()
        .flatten()
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

fn shape(kind: Kind, declaration: &Declaration) -> String {
    let Declaration { help, labels, bounds, limit, growth, .. } = *declaration;
    let labels: Vec<String> = labels
        .iter()
        .map(|label| match label.max {
            Some(max) => format!("{} (max {max})", label.name),
            None if label.user => format!("{} (user)", label.name),
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
    if growth != DEFAULT_GROWTH {
        shape += &format!(" growth {growth}");
    }
    shape
}

/// Why a family is on no page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another declaration has the name, or writes samples of that name, with another shape.
    Conflict(Box<Conflict>),
    /// A collector of another library has the name.
    Taken {
        /// The family that was refused.
        name: &'static str,
        /// Where it is declared.
        place: Place,
        /// What the registry says.
        reason: String,
    },
    /// A collector tried to register it while its registry was being gathered.
    Gathering {
        /// The family that was refused.
        name: &'static str,
        /// Where it is declared.
        place: Place,
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
            RegisterError::Conflict(conflict) => write!(
                f,
                "{}, conflicts with {}; give one of them another name or both the same shape",
                conflict.refused, conflict.there
            ),
            RegisterError::Taken { name: name @ OWN_FAMILY, reason, .. } => write!(
                f,
                "`{name}` cannot be registered: {reason}; two versions of `monitor-runtime` are in this program, each \
                 with numbers of its own, of which the page has those of one: let everything use the same version \
                 (`cargo tree -d` shows both)"
            ),
            RegisterError::Taken { name, place, reason } => {
                write!(f, "`{name}`, declared at {place}, cannot be registered: {reason}; give it another name")
            }
            RegisterError::Gathering { name, place } => {
                write!(
                    f,
                    "`{name}`, declared at {place}, is registered by a collector that is being gathered; do it before"
                )
            }
            RegisterError::Full { name, place } => {
                write!(f, "`{name}`, declared at {place}, has no room: this process holds too many series already")
            }
        }
    }
}

impl std::error::Error for RegisterError {}

/// Two declarations that cannot stand on one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The family that was refused.
    pub refused: Shape,
    /// The family that was there.
    pub there: Shape,
}

/// What two declarations of one name must have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The family's name.
    pub name: &'static str,
    /// Where it is declared.
    pub place: Place,
    /// Its kind, labels, help, and what else was declared.
    pub shape: String,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, declared as {} at {}", self.name, self.shape, self.place)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(name: &'static str, line: u32) -> Declaration {
        Declaration {
            name,
            help: "Help",
            labels: &[],
            bounds: &[1.0],
            limit: DEFAULT_LIMIT,
            growth: DEFAULT_GROWTH,
            place: Place { file: "shop.rs", line },
            registry: prometheus::default_registry,
        }
    }

    #[test]
    fn a_family_that_writes_samples_of_another_is_refused_and_both_places_are_named() {
        let pairs = [
            (Kind::Histogram, "x", Kind::Counter, "x_count"),
            (Kind::Histogram, "x", Kind::Gauge, "x_sum"),
            (Kind::Histogram, "x", Kind::Gauge, "x_bucket"),
            (Kind::Counter, "x_total", Kind::Gauge, "x"),
            (Kind::Counter, "x_total", Kind::Gauge, "x_total"),
        ];
        for (one, other) in
            pairs.iter().flat_map(|pair| [((pair.0, pair.1), (pair.2, pair.3)), ((pair.2, pair.3), (pair.0, pair.1))])
        {
            let registry = Registry::new();
            place(one.0, &declaration(one.1, 3), &registry).expect("a fresh registry");
            let error =
                place(other.0, &declaration(other.1, 7), &registry).expect_err("both write one name").to_string();
            for text in
                [format!("`{}`", one.1), format!("`{}`", other.1), "shop.rs:3".to_owned(), "shop.rs:7".to_owned()]
            {
                assert!(error.contains(&text), "{text} is not in: {error}");
            }
        }
        // Beside a counter or a gauge `x` these are names like any other.
        for kind in [Kind::Counter, Kind::Gauge] {
            let registry = Registry::new();
            for (kind, name) in [(kind, "x"), (Kind::Gauge, "x_count"), (Kind::Histogram, "x_y")] {
                place(kind, &declaration(name, 3), &registry).expect("a name of its own");
            }
        }
    }
}
