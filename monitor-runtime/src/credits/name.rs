//! Names of accounts, operations and idempotency keys, which were checked as they were made; ids of holds.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// One to 255 bytes without control characters; cloning it is cheap.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(super) Arc<str>);

        impl $name {
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
    };
}

name! {
    /// Who pays.
    AccountId
}

name! {
    /// What is paid for.
    Operation
}

name! {
    /// What makes a grant or a hold the same one when it is asked for again.
    Key
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
    fn ids_are_in_the_order_of_time() {
        let ids: Vec<_> = (0..1000).map(|_| HoldId::new()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
    }
}
