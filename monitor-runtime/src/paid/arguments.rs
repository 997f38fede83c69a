//! What the arguments of `#[with_credits]` may be: a cost, an account, a ledger, a key.

use std::borrow::Cow;
use std::sync::Arc;

use crate::credits::{AccountId, Credits, CreditsError, Key};

/// A whole number of credits; a negative one is refused before the body runs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number of credits",
    label = "not a whole number",
    note = "a cost is an integer, such as `5` or `pages * 2`; round a fraction the way your prices say"
)]
pub trait Cost: sealed::Sealed {
    /// The credits.
    ///
    /// # Errors
    /// When there are less than none, or more than an `i64` counts.
    fn credits(self) -> Result<i64, CreditsError>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! costs {
    ($($integer:ident)* , $beyond:expr) => {$(
        impl sealed::Sealed for $integer {}

        impl Cost for $integer {
            fn credits(self) -> Result<i64, CreditsError> {
                // What cannot be counted lies beyond one of the ends.
                let beyond: fn($integer) -> i64 = $beyond;
                match i64::try_from(self) {
                    Ok(cost) if cost >= 0 => Ok(cost),
                    Ok(cost) => Err(CreditsError::InvalidAmount { amount: cost }),
                    Err(_) => Err(CreditsError::InvalidAmount { amount: beyond(self) }),
                }
            }
        }
    )*};
}
costs!(u8 u16 u32 u64 u128 usize, |_| i64::MAX);
costs!(i8 i16 i32 i64 i128 isize, |cost| if cost < 0 { i64::MIN } else { i64::MAX });

/// A value that names the account that pays.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no account",
    label = "not the name of an account",
    note = "an account is named by a string, an `AccountId`, an `Option` of one, or a type that implements `monitor_runtime::credits::Payer`"
)]
pub trait Payer {
    /// The account; `None` when there is none, which refuses the call with [`CreditsError::NoAccount`].
    ///
    /// # Errors
    /// When no ledger takes such a name.
    fn account(&self) -> Result<Option<AccountId>, CreditsError>;
}

impl Payer for AccountId {
    fn account(&self) -> Result<Option<AccountId>, CreditsError> {
        Ok(Some(self.clone()))
    }
}

impl<T: Payer> Payer for Option<T> {
    fn account(&self) -> Result<Option<AccountId>, CreditsError> {
        self.as_ref().map_or(Ok(None), Payer::account)
    }
}

impl<T: Payer + ?Sized> Payer for &T {
    fn account(&self) -> Result<Option<AccountId>, CreditsError> {
        (**self).account()
    }
}

/// A value that is an idempotency key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no idempotency key",
    label = "not a key",
    note = "an idempotency key is a string, a `Key`, an `Option` of one, or a type that implements `monitor_runtime::credits::IdempotencyKey`"
)]
pub trait IdempotencyKey {
    /// The key; `None` when there is none, and each call is another.
    ///
    /// # Errors
    /// When no ledger takes such a key.
    fn key(&self) -> Result<Option<Key>, CreditsError>;
}

impl IdempotencyKey for Key {
    fn key(&self) -> Result<Option<Key>, CreditsError> {
        Ok(Some(self.clone()))
    }
}

impl<T: IdempotencyKey> IdempotencyKey for Option<T> {
    fn key(&self) -> Result<Option<Key>, CreditsError> {
        self.as_ref().map_or(Ok(None), IdempotencyKey::key)
    }
}

impl<T: IdempotencyKey + ?Sized> IdempotencyKey for &T {
    fn key(&self) -> Result<Option<Key>, CreditsError> {
        (**self).key()
    }
}

macro_rules! texts {
    ($($text:ty)*) => {$(
        impl Payer for $text {
            fn account(&self) -> Result<Option<AccountId>, CreditsError> {
                AccountId::new(self).map(Some)
            }
        }

        impl IdempotencyKey for $text {
            fn key(&self) -> Result<Option<Key>, CreditsError> {
                Key::new(self).map(Some)
            }
        }
    )*};
}
texts!(str String Arc<str> Box<str> Cow<'_, str>);

/// A value that holds a ledger.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no ledger",
    label = "not `Credits`",
    note = "a ledger is a `monitor_runtime::credits::Credits`, or what dereferences to one in a way that implements `AsCredits`"
)]
pub trait AsCredits {
    /// The ledger.
    fn as_credits(&self) -> &Credits;
}

impl AsCredits for Credits {
    fn as_credits(&self) -> &Credits {
        self
    }
}

impl<T: AsCredits + ?Sized> AsCredits for &T {
    fn as_credits(&self) -> &Credits {
        (**self).as_credits()
    }
}

impl<T: AsCredits + ?Sized> AsCredits for Arc<T> {
    fn as_credits(&self) -> &Credits {
        (**self).as_credits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_none_or_more_of_what_an_account_counts() {
        assert_eq!((0_u8.credits(), i64::MAX.credits(), 7_usize.credits()), (Ok(0), Ok(i64::MAX), Ok(7)));
        for (refused, amount) in [
            ((-1_i8).credits(), -1),
            (i64::MIN.credits(), i64::MIN),
            (i128::MIN.credits(), i64::MIN),
            (u64::MAX.credits(), i64::MAX),
        ] {
            assert_eq!(refused, Err(CreditsError::InvalidAmount { amount }));
        }
    }

    #[test]
    fn a_name_may_be_there_or_not() {
        let account = |payer: &dyn Payer| payer.account().map(|account| account.map(|account| account.to_string()));
        assert_eq!(account(&"ada"), Ok(Some("ada".to_owned())));
        assert_eq!(account(&Some("ada".to_owned())), Ok(Some("ada".to_owned())));
        assert_eq!(account(&None::<&str>), Ok(None));
        assert!(account(&"").is_err());
        assert!(account(&"a".repeat(1 << 20)).is_err());
        assert!(account(&"a\nb").is_err());
        assert_eq!(None::<&str>.key(), Ok(None));
        assert!("k".key().is_ok_and(|key| key.is_some()));
    }
}
