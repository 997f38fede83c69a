//! A real PostgreSQL, PgBouncer and Redis on loopback, in a directory of their own, for tests. They know nothing of the
//! project.
//!
//! A server ends with its value, and with the process that started it, however that ends: a shell of ours holds the
//! other end of a pipe, and ends the server when the pipe closes. So a server may stand in a `static`. [`eventually`] waits
//! for what any other process does.

mod patience;
mod pgbouncer;
mod postgres;
mod process;
mod redis;
mod relay;

pub use patience::{at_length, eventually};
pub use pgbouncer::{PgBouncer, PoolMode};
pub use postgres::Postgres;
pub use redis::Redis;
pub use relay::Relay;
