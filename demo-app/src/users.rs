//! The users of the demo. Their passwords are in its manual, so they stand here as they are.

const USERS: [(&str, &str); 3] = [("ada", "lovelace"), ("grace", "hopper"), ("edsger", "dijkstra")];

/// The user's name, where the password is right.
pub(crate) fn check(user: &str, password: &str) -> Option<&'static str> {
    USERS.iter().find(|known| **known == (user, password)).map(|(name, _)| *name)
}
