//! Names of accounts, operations and idempotency keys, checked once; ids of holds.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use super::error::CreditsError;

/// A name's length in bytes: it stands in indexes.
const BYTES_MAX: usize = 255;

fn checked(name: &str, what: &'static str) -> Result<Arc<str>, CreditsError> {
    let why = if name.is_empty() {
        "it must not be empty"
    } else if name.len() > BYTES_MAX {
        "it may have 255 bytes"
    } else if name.chars().any(char::is_control) {
        "it must not have control characters"
    } else {
        return Ok(name.into());
    };
    Err(CreditsError::InvalidName { what, why, bytes: name.len() })
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// One to 255 bytes without control characters; cloning it is cheap.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the name.
            ///
            /// # Errors
            /// [`CreditsError::InvalidName`] when it is empty, too long or has control characters.
            pub fn new(name: impl AsRef<str>) -> Result<Self, CreditsError> {
                checked(name.as_ref(), $what).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = CreditsError;

            fn from_str(name: &str) -> Result<Self, CreditsError> {
                Self::new(name)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = CreditsError;

            fn try_from(name: &str) -> Result<Self, CreditsError> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = CreditsError;

            fn try_from(name: String) -> Result<Self, CreditsError> {
                Self::new(name)
            }
        }
    };
}

name! {
    /// Who pays.
    AccountId, "account"
}

name! {
    /// What is paid for.
    Operation, "operation"
}

name! {
    /// What makes a grant or a hold the same one when it is asked for again.
    Key, "key"
}

/// A hold's id: unique without asking the store, and in the order of time (a UUID of version 7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(Uuid);

impl HoldId {
    /// A new one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each one is another: there is no default")]
    pub fn new() -> HoldId {
        HoldId(Uuid::now_v7())
    }

    /// The id as a UUID.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for HoldId {
    fn from(uuid: Uuid) -> HoldId {
        HoldId(uuid)
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_with_what_is_wrong_and_without_itself() {
        let refused = |name: &str| AccountId::new(name).expect_err("a bad name").to_string();
        assert_eq!(refused(""), "a name of 0 bytes is no account: it must not be empty");
        assert_eq!(refused("a\nb"), "a name of 3 bytes is no account: it must not have control characters");
        assert_eq!(refused("a\0b"), "a name of 3 bytes is no account: it must not have control characters");
        assert_eq!(refused(&"a".repeat(1 << 20)), "a name of 1048576 bytes is no account: it may have 255 bytes");
        assert_eq!(Key::new("é".repeat(127)).expect("254 bytes").as_str().len(), 254);
    }

    #[test]
    fn ids_are_in_the_order_of_time() {
        let ids: Vec<_> = (0..1000).map(|_| HoldId::new()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
    }
}
