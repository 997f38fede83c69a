//! What is told of paid calls: how long they took, and why they were refused. What was captured the ledger's side counts,
//! where it is known for certain.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::LabelValue;
use crate::credits::{CreditsError, Operation};
#[cfg(feature = "actix")]
use crate::scope::Scope;

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

    /// Paid calls that were dropped after their body began, such as by a client that left, by what became of their credits
    pub(crate) counter ABANDONED = "credit_abandoned_total" {
        #[label(max = 1000)] operation: &str, credits: Abandoned
    };

    /// Paid calls that were charged although their request was answered with an error (a status of 400 or above)
    pub(crate) counter CHARGED_ERRORS = "credit_charged_errors_total" {
        #[label(max = 1000)] operation: &str
    };
}

/// What became of the credits of a call that was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
pub(crate) enum Abandoned {
    /// Given back.
    Voided,
    /// Taken, as the operation's `on_drop = "capture"` says.
    Captured,
}

/// Why a paid call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
pub(crate) enum Reason {
    /// Nobody said who pays.
    NoAccount,
    /// The call was made outside of any scope: an error of the program.
    NoScope,
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
    const ALL: [Reason; 9] = [
        Reason::NoAccount,
        Reason::NoScope,
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
            CreditsError::NoScope => Reason::NoScope,
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
            CHARGED_ERRORS.know(&CHARGED_ERRORS { operation });
            for credits in [Abandoned::Voided, Abandoned::Captured] {
                ABANDONED.know(&ABANDONED { operation, credits });
            }
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
    if matches!(why, CreditsError::NoScope | CreditsError::NoLedger) && is_first_of(operation) {
        tracing::error!(%operation, "paid calls are refused because of an error in the program: {why}");
    }
}

/// Counts a call that was dropped after its body began.
pub(super) fn abandoned(operation: &Operation, paid: bool) {
    let credits = if paid { Abandoned::Captured } else { Abandoned::Voided };
    ABANDONED.with(ABANDONED { operation: operation.as_str(), credits }).inc();
}

/// Whether this operation has not been told of before: what is wrong with a program is wrong with each of its calls.
fn is_first_of(operation: &Operation) -> bool {
    const TOLD_MAX: usize = 1_000;
    static TOLD: Mutex<BTreeSet<Operation>> = Mutex::new(BTreeSet::new());
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    told.len() < TOLD_MAX && told.insert(operation.clone())
}

/// Tells of a call that was charged in a request that was answered with an error.
#[cfg(feature = "actix")]
#[cold]
pub(crate) fn charged_in_vain(operation: &Operation, scope: &Scope) {
    CHARGED_ERRORS.with(CHARGED_ERRORS { operation: operation.as_str() }).inc();
    let (account, request) = (scope.account(), scope.request_id());
    tracing::warn!(%operation, account, request, "a paid call succeeded and was charged, but its request failed");
}

/// Times a call whose body ran, from `start` to now.
pub(super) fn ran(operation: &Operation, start: u64) {
    let operation = operation.as_str();
    CREDIT_OPERATION_LATENCY.with(CREDIT_OPERATION_LATENCY { operation }).observe_since(start);
}
