//! What makes a text a name: it is checked once, here.

use std::str::FromStr;
use std::sync::Arc;

use super::error::CreditsError;
use super::name::{AccountId, Key, Operation};

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

macro_rules! checked {
    ($($name:ident $what:literal)*) => {$(
        impl $name {
            /// Checks the name.
            ///
            /// # Errors
            /// [`CreditsError::InvalidName`] when it is empty, too long or has control characters.
            pub fn new(name: impl AsRef<str>) -> Result<Self, CreditsError> {
                checked(name.as_ref(), $what).map(Self)
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
    )*};
}
checked!(AccountId "account" Operation "operation" Key "key");

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
}
