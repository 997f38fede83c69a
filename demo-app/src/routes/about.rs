//! What the handlers know of the service that they belong to.

use std::net::SocketAddr;

/// What the list and the page tell of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    /// Where the scrape is when it is not on the service itself.
    pub(crate) address: Option<SocketAddr>,
    /// The users of the README are there.
    pub(crate) demo_users: bool,
    /// There are users who are simulated.
    pub(crate) simulated: bool,
}
