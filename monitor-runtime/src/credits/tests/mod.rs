//! Every engine through the suite and against a plain model; what may go wrong with each of them.

mod engines;
#[cfg(feature = "sqlite")]
mod file;
#[cfg(all(unix, any(feature = "sqlite", feature = "postgres")))]
mod fork;
mod keeper;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod kill;
#[cfg(not(loom))]
mod load;
mod model;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "test-util")]
mod simulation;
#[cfg(feature = "sqlite")]
mod sqlite;
