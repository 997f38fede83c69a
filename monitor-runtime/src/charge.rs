//! What a paid call may still change of its price, and what a request was charged so far.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::credits::{CreditsError, Operation};

/// What one paid call holds, and what of it will be captured.
#[derive(Debug)]
pub(crate) struct Charge {
    held: i64,
    amount: Mutex<Amount>,
}

#[derive(Clone, Copy, Debug)]
enum Amount {
    /// To be captured if the call succeeds.
    Wanted(i64),
    /// The same; the body has ended, so it is too late to change anything.
    Settled(i64),
}

impl Charge {
    pub(crate) fn new(held: i64) -> Self {
        Charge { held, amount: Mutex::new(Amount::Wanted(held)) }
    }

    pub(crate) fn set(&self, amount: i64) -> Result<(), CreditsError> {
        if amount < 0 {
            return Err(CreditsError::InvalidAmount { amount });
        }
        if amount > self.held {
            return Err(CreditsError::ExceedsHold { amount, held: self.held });
        }
        let mut wanted = self.amount();
        if let Amount::Settled(_) = *wanted {
            return Err(CreditsError::NoHold);
        }
        *wanted = Amount::Wanted(amount);
        Ok(())
    }

    /// The amount to be captured; from now on it is fixed.
    pub(crate) fn settle(&self) -> i64 {
        let mut amount = self.amount();
        let (Amount::Wanted(fixed) | Amount::Settled(fixed)) = *amount;
        *amount = Amount::Settled(fixed);
        fixed
    }

    fn amount(&self) -> MutexGuard<'_, Amount> {
        self.amount.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request was charged so far.
#[derive(Debug, Default)]
pub(crate) struct Receipt(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    /// Of the request's own account.
    charged: Option<Charged>,
    /// What is captured, whoever pays.
    operations: Vec<Operation>,
}

/// What was charged to one account, in credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charged {
    pub(crate) used: i64,
    pub(crate) remaining: i64,
}

impl Receipt {
    /// An operation's credits are being captured, at once or as soon as the store answers.
    pub(crate) fn captures(&self, operation: &Operation) {
        self.lines().operations.push(operation.clone());
    }

    /// The request's own account was charged.
    pub(crate) fn add(&self, used: i64, remaining: i64) {
        let mut lines = self.lines();
        let before = lines.charged.map_or(0, |charged| charged.used);
        lines.charged = Some(Charged { used: before.saturating_add(used), remaining });
    }

    /// What the request's own account was charged; `None` when nothing was.
    #[cfg(feature = "actix")]
    pub(crate) fn charged(&self) -> Option<Charged> {
        self.lines().charged
    }

    /// What was captured.
    #[cfg(feature = "actix")]
    pub(crate) fn operations(&self) -> Vec<Operation> {
        self.lines().operations.clone()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
