//! What a paid call may still change of its price, and what a request was charged so far.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::credits::CreditsError;

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
    /// The call has ended: it is too late to change anything.
    Settled,
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
        if let Amount::Settled = *wanted {
            return Err(CreditsError::NoHold);
        }
        *wanted = Amount::Wanted(amount);
        Ok(())
    }

    /// The amount to be captured; from now on it is fixed.
    pub(crate) fn settle(&self) -> i64 {
        match std::mem::replace(&mut *self.amount(), Amount::Settled) {
            Amount::Wanted(amount) => amount,
            Amount::Settled => 0,
        }
    }

    fn amount(&self) -> MutexGuard<'_, Amount> {
        self.amount.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request's own account was charged so far, and what it has left.
#[derive(Debug, Default)]
pub(crate) struct Receipt(Mutex<Option<Charged>>);

/// What was charged, in credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charged {
    pub(crate) used: i64,
    pub(crate) remaining: i64,
}

impl Receipt {
    pub(crate) fn add(&self, used: i64, remaining: i64) {
        let mut charged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = charged.map_or(0, |charged| charged.used);
        *charged = Some(Charged { used: before.saturating_add(used), remaining });
    }

    /// `None` when nothing was.
    #[cfg(feature = "actix")]
    pub(crate) fn charged(&self) -> Option<Charged> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
