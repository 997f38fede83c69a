//! Metric families: declared by `metrics!`, used by hand or by the attributes, seen by a scrape.

#[macro_use]
mod typed;

pub(crate) mod cells;
mod counter;
pub(crate) mod exemplar;
pub(crate) mod family;
mod gauge;
mod histogram;
mod label;
pub(crate) mod registration;
pub(crate) mod series;
mod site;
pub(crate) mod sync;
pub(crate) mod trouble;
mod user_label;

pub(crate) use crate::place::Place;
pub use counter::{Counter, CounterSeries};
pub use exemplar::TraceId;
pub(crate) use family::{Computed, Family};
pub use family::{DEFAULT_GROWTH, DEFAULT_LIMIT, Declaration, Declared};
pub use gauge::{Gauge, GaugeSeries, InFlight};
pub use histogram::{DEFAULT_BUCKETS, Histogram, HistogramSeries, Timer};
pub use label::{Label, LabelBuffer, LabelSet, LabelValue, NoLabels};
pub use registration::{Conflict, Guarded, RegisterError, RegisterErrors, Shape, register};
pub use site::Site;
pub use user_label::{UserLabel, UserLabelError, user};

/// [`first_cell`] for label values that are written in the program.
fn first_cell_of_known<L: LabelSet + ?Sized>(family: &Family, labels: &L) -> u32 {
    let mut cell = cells::UNRESOLVED;
    if let Some(core) = family.core() {
        labels.with_texts(&mut |texts| cell = core.series.cell_of_known(texts));
    }
    cell
}

/// [`first_cell_of_known`] for label values of which a client chooses some.
#[cfg(feature = "actix")]
fn first_cell_of_chosen<L: LabelSet + ?Sized>(family: &Family, labels: &L) -> u32 {
    let mut cell = cells::UNRESOLVED;
    if let Some(core) = family.core() {
        labels.with_texts(&mut |texts| cell = core.series.cell_of_chosen(texts));
    }
    cell
}

/// Makes room in a family for so many series, and for so many values of one of its labels.
#[cfg(feature = "actix")]
pub(crate) fn raise_limit(family: &Family, limit: u32, label: &str, values: u32) {
    if let Some(core) = family.core() {
        core.series.raise(limit, label, values);
    }
}

/// Who chose the values of a series' labels.
#[cfg(feature = "actix")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChosenBy {
    /// The program: their number has an end, and the family's growth does not hold them back.
    Program,
    /// A client had a hand in it, of values that have an end.
    Client,
}

/// Whether there is a series with exactly these label values.
#[cfg(feature = "actix")]
pub(crate) fn has_series<L: LabelSet>(family: &Family, labels: &L) -> bool {
    let mut has = false;
    if let Some(core) = family.core() {
        labels.with_texts(&mut |texts| has = core.series.find(texts).is_some());
    }
    has
}

/// The first cell of the series that `labels` name; `UNRESOLVED`, which every cell operation ignores, when there is none.
#[inline]
fn first_cell<L: LabelSet + ?Sized>(family: &Family, labels: &L) -> u32 {
    let mut cell = cells::UNRESOLVED;
    if let Some(core) = family.core() {
        labels.with_texts(&mut |texts| cell = core.series.cell(texts));
    }
    cell
}
