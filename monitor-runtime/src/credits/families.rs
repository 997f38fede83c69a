//! What the ledger's keeper says of captures and of itself. What becomes of calls is told where calls are.

use crate::LabelValue;

crate::metrics! {
    /// Credits captured, by operation and account; it agrees with the journal
    pub(super) counter CREDIT_USAGE = "credit_usage_total" {
        #[label(max = 1000)] operation: &str, #[label(user)] user_id: &str
    };
    /// Times that a settle was tried again because the ledger did not answer
    pub(super) counter SETTLES_RETRIED = "credit_settles_retried_total";
    /// Work that was done and not paid: the ledger did not answer for as long as a hold lives, or the hold had expired and the account was empty
    pub(super) counter SETTLES_LOST = "credit_settles_lost_total";
    /// Captures that came after their hold had expired: charged afresh, refused because the account had too little, or a duplicate because another call had paid under the same idempotency key
    pub(super) counter CAPTURES_LATE = "credit_captures_late_total" { result: Late };
    /// Holds that nobody settled in time, freed by this process
    pub(super) counter HOLDS_EXPIRED = "credit_holds_expired_total";
    /// Accounts found to disagree with the journal or with their holds; anything but 0 is a damaged ledger
    pub(super) counter VIOLATIONS = "credit_violations_total";
    /// Holds that stand, in the whole ledger
    pub(super) gauge HOLDS_OPEN = "credit_holds_open";
    /// Credits that are held, in the whole ledger
    pub(super) gauge CREDITS_HELD = "credits_held";
}

/// What became of a late capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
pub(super) enum Late {
    /// The account had enough: it was charged afresh.
    Charged,
    /// The account had too little.
    Refused,
    /// Another call with the same key is paid: one key, one charge.
    Duplicate,
}
