//! The page of metrics: what is registered goes in, text of either format comes out. What the numbers mean is the
//! families' matter, and who sends the page to whom is the caller's.
//!
//! registry -> [`page`] (which families, checked) -> [`sample`] (plain data) -> [`encoder`] (text). Nothing that is
//! wrong with one family may spoil the page, for a scraper that meets one bad line drops the whole of it.

mod encoder;
pub(crate) mod escape;
mod foreign;
mod format;
mod model;
mod names;
mod number;
pub(crate) mod page;
pub(crate) mod sample;

pub use format::Format;

use std::io;

/// Writes everything that is registered in `registry` as one page, in chunks of about 32 KiB.
///
/// The families of `metrics!` and those of other libraries stand together, in the order of their names. A family
/// that cannot be written (a name or label that the format does not allow, a name that another family has, the same
/// series twice, a counter below zero) is left out and counted; the rest of the page is not touched by it. Both
/// formats have the same samples.
///
/// # Errors
///
/// Those of `out` alone.
///
/// ```
/// use monitor_runtime::{Format, encode, prometheus};
///
/// let mut page = Vec::new();
/// encode(prometheus::default_registry(), Format::OpenMetrics, &mut page)?;
/// assert!(page.ends_with(b"# EOF\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn encode(registry: &prometheus::Registry, format: Format, out: &mut impl io::Write) -> io::Result<()> {
    encoder::encode(registry, format, out)
}
