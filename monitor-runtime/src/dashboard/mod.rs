//! What the page of its own shows, apart from how it is served: readings of the families, their differences over time,
//! and the summary that both the page and its JSON are made of. Nothing here names a framework or starts a thread.
//!
//! registry -> [`reading`] (totals at one moment) -> [`record`] (what happened between moments) -> [`summary`] (JSON).

pub(crate) mod assets;
mod buckets;
mod labels;
mod reading;
pub(crate) mod record;
pub(crate) mod summary;
