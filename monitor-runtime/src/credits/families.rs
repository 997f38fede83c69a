//! What the ledger's keeper says of captures and of itself. What becomes of calls is told where calls are.

use crate::LabelValue;

crate::metrics! {
    /// Credits captured, by operation and account; it agrees with the journal
    pub(super) counter CREDIT_USAGE = "credit_usage_total" {
        #[label(max = 1000)] operation: &str, #[label(user)] user_id: &str
    };
    /// Times that a settle was tried again because the ledger did not answer
    pub(super) counter SETTLES_RETRIED = "credit_settles_retried_total";
    /// Work that was done and not paid: its hold had expired and the account had too little, or the ledger refused the capture
    pub(super) counter SETTLES_LOST = "credit_settles_lost_total";
    /// Captures that wait for the ledger while their calls do not wait for them
    pub(super) gauge CAPTURES_OWED = "credit_captures_owed";
    /// Answers that were given although their capture was neither taken by the ledger nor written down; it is tried again, and lost if this process ends before
    pub(super) counter ANSWERS_UNSETTLED = "credit_answers_unsettled_total";
    /// Captures that could not be written to the file of captures that are owed
    pub(super) counter OWED_FAILED = "credit_owed_log_errors_total";
    /// Renewals of the holds of calls that still run: renewed, tried in vain because the ledger did not answer, or too late because the hold had expired
    pub(super) counter RENEWALS = "credit_hold_renewals_total" { result: Renewal };
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

/// What became of the renewal of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
pub(super) enum Renewal {
    /// It lives for a life more.
    Renewed,
    /// The ledger did not answer; it is tried again until the hold expires.
    Unavailable,
    /// The hold had expired: its call goes on, and is charged afresh at its end.
    Expired,
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
