//! What has become of a hold.

use std::fmt;

/// What has become of a hold; all but `Open` are final, but for a capture that comes after expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HoldState {
    /// It stands.
    Open,
    /// So much was taken, the rest was given back.
    Captured(i64),
    /// All was given back.
    Voided,
    /// Nobody settled it in time: all was given back.
    Expired,
    /// It had expired before so much was taken afresh.
    CapturedLate(i64),
}

impl fmt::Display for HoldState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HoldState::Open => write!(f, "open"),
            HoldState::Captured(amount) => write!(f, "captured ({amount} credits)"),
            HoldState::Voided => write!(f, "voided"),
            HoldState::Expired => write!(f, "expired"),
            HoldState::CapturedLate(amount) => write!(f, "captured after it had expired ({amount} credits)"),
        }
    }
}
