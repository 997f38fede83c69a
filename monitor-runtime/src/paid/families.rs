//! What is told of paid calls: how long they took, and why they were refused. What was captured the ledger's side counts,
//! where it is known for certain.

use crate::LabelValue;
use crate::credits::{CreditsError, Operation};

crate::metrics! {
    /// Time of paid calls from the request for credits to the settled hold, in seconds; of refused calls nothing
    pub(crate) histogram CREDIT_OPERATION_LATENCY = "credit_operation_latency_seconds" {
        #[label(max = 1000)] operation: &str
    };

    /// Paid calls that were refused before their body ran, by operation and reason
    pub(crate) counter REFUSALS = "credit_refusals_total" {
        #[label(max = 1000)] operation: &str, reason: Reason
    };

    /// Paid calls that were served without payment because the ledger was unavailable, where the program allows that
    pub(crate) counter UNPAID = "credit_unpaid_total" {
        #[label(max = 1000)] operation: &str
    };
}

/// Why a paid call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
pub(crate) enum Reason {
    /// Nobody said who pays.
    NoAccount,
    /// The account was never granted anything.
    UnknownAccount,
    /// The account has too few credits.
    Insufficient,
    /// A call with the same key was made before.
    Duplicate,
    /// The key was used before, for something else.
    Conflict,
    /// A cost that is no amount, a name that is no name.
    Invalid,
    /// The store did not answer.
    Unavailable,
    /// There is no ledger, or none that can be used.
    NoLedger,
}

impl Reason {
    #[cfg(feature = "actix")]
    const ALL: [Reason; 8] = [
        Reason::NoAccount,
        Reason::UnknownAccount,
        Reason::Insufficient,
        Reason::Duplicate,
        Reason::Conflict,
        Reason::Invalid,
        Reason::Unavailable,
        Reason::NoLedger,
    ];

    fn of(error: &CreditsError) -> Reason {
        match error {
            CreditsError::NoAccount => Reason::NoAccount,
            CreditsError::UnknownAccount { .. } => Reason::UnknownAccount,
            CreditsError::Insufficient { .. } => Reason::Insufficient,
            CreditsError::Duplicate { .. } => Reason::Duplicate,
            CreditsError::Conflict { .. } => Reason::Conflict,
            CreditsError::Unavailable { .. } => Reason::Unavailable,
            CreditsError::NoLedger | CreditsError::InvalidStore { .. } | CreditsError::NewerSchema { .. } => {
                Reason::NoLedger
            }
            _ => Reason::Invalid,
        }
    }
}

/// Puts each operation that the program declares on the page, with zeros, so that a rate has something to begin with.
#[cfg(feature = "actix")]
pub(crate) fn know_operations() {
    static KNOWN: std::sync::Once = std::sync::Once::new();
    KNOWN.call_once(|| {
        for operation in super::operations() {
            let operation = operation.name();
            CREDIT_OPERATION_LATENCY.know(&CREDIT_OPERATION_LATENCY { operation });
            UNPAID.know(&UNPAID { operation });
            for reason in Reason::ALL {
                REFUSALS.know(&REFUSALS { operation, reason });
            }
        }
    });
}

/// Counts a refusal.
pub(super) fn refused(operation: &Operation, why: &CreditsError) {
    REFUSALS.with(REFUSALS { operation: operation.as_str(), reason: Reason::of(why) }).inc();
    tracing::debug!(%operation, %why, "a paid call was refused");
}

/// Times a call whose body ran, from `start` to now.
pub(super) fn ran(operation: &Operation, start: u64) {
    let operation = operation.as_str();
    CREDIT_OPERATION_LATENCY.with(CREDIT_OPERATION_LATENCY { operation }).observe_since(start);
}
