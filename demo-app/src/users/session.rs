//! A session as a store keeps it; what it means is in `sessions`.

/// A session as it is kept.
pub(crate) struct Session {
    pub(crate) digest: String,
    pub(crate) state: String,
    pub(crate) expires_s: i64,
}
