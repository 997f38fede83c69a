//! Every engine through the suite and against a plain model; what may go wrong with each of them.

mod engines;
mod model;
#[cfg(feature = "sqlite")]
mod sqlite;
