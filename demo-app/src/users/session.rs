//! Sessions and tokens as a store keeps them; what a session means is in `sessions`.

/// A session as it is kept.
pub(crate) struct Session {
    pub(crate) digest: String,
    /// The name of its user.
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) expires_s: i64,
}

/// How many sessions are kept.
#[derive(Clone, Copy)]
pub(crate) struct SessionsMax {
    /// Of one user; beyond it, the user's oldest goes.
    pub(crate) a_user: u32,
    /// Of all; beyond it, the oldest goes of the user who has the most.
    pub(crate) all: u32,
}

/// A token as its user may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuedToken {
    pub(crate) id: i64,
    /// In Unix seconds; 0 for a token of an older version.
    pub(crate) issued_s: i64,
}
