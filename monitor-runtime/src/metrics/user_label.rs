//! How labels that name users are bounded: one policy for the whole process, chosen at its start. Which labels do so,
//! their declarations say.

use std::fmt;
use std::sync::OnceLock;

/// How every label that is declared with `#[label(user)]` is bounded: the first 1,000 users unless [`set`](Self::set).
///
/// A page of metrics is no place for the truth about each user, which a ledger or a log keeps: what has no end there
/// takes Prometheus down.
///
/// ```
/// use monitor_runtime::{UserLabel, metrics, sample_value};
///
/// metrics! {
///     /// Exports, by who asked for them
///     counter EXPORTS = "exports_total" { #[label(user)] user_id: &str };
/// }
///
/// UserLabel::Hashed(16).set()?; // at the start of `main`
/// EXPORTS.with(EXPORTS { user_id: "ada" }).inc();
/// assert_eq!(sample_value("exports_total", &[("user_id", "_group8")]), Some(1.0));
/// # Ok::<(), monitor_runtime::UserLabelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserLabel {
    /// Users are not told apart: the label reads `_all`.
    Off,
    /// In each family so many users have a value of their own, in the order in which they come; the others read
    /// `_overflow`. The family's own limit holds too.
    First(u32),
    /// Each user is in one of so many groups, in every process the same: `_group0`, `_group1` and so on.
    Hashed(u32),
}

impl Default for UserLabel {
    fn default() -> Self {
        UserLabel::First(1_000)
    }
}

/// The policy, once it is chosen or needed.
static POLICY: OnceLock<Policy> = OnceLock::new();

/// The most groups: so many names are kept.
const MOST_GROUPS: u32 = 100_000;

impl UserLabel {
    /// Makes this the policy of the process, before its first metric is used.
    ///
    /// # Errors
    /// When another policy is in use, because it was set before or a metric was used; or when there is no group, or
    /// more than 100,000.
    pub fn set(self) -> Result<(), UserLabelError> {
        if let UserLabel::Hashed(groups) = self
            && !(1..=MOST_GROUPS).contains(&groups)
        {
            return Err(UserLabelError::Groups(groups));
        }
        let in_use = POLICY.get_or_init(|| Policy::new(self)).users;
        if in_use == self { Ok(()) } else { Err(UserLabelError::InUse { asked: self, in_use }) }
    }
}

impl fmt::Display for UserLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserLabel::Off => f.write_str("off"),
            UserLabel::First(users) => write!(f, "the first {users}"),
            UserLabel::Hashed(groups) => write!(f, "hashed into {groups} groups"),
        }
    }
}

/// Why a policy for the labels of users cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserLabelError {
    /// Another one is in use.
    InUse {
        /// What was to be set.
        asked: UserLabel,
        /// What stays.
        in_use: UserLabel,
    },
    /// So many groups cannot be.
    Groups(u32),
}

impl fmt::Display for UserLabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserLabelError::InUse { asked, in_use } => write!(
                f,
                "labels of users cannot be {asked}: they are {in_use} already; set the policy once, before the first metric is used"
            ),
            UserLabelError::Groups(groups) => {
                write!(f, "users cannot be hashed into {groups} groups: there are 1 to {MOST_GROUPS}")
            }
        }
    }
}

impl std::error::Error for UserLabelError {}

/// How many users a family tells apart, where that is bounded by counting them.
pub(super) fn max() -> Option<u32> {
    match policy().users {
        UserLabel::First(users) => Some(users),
        UserLabel::Off | UserLabel::Hashed(_) => None,
    }
}

/// What a label reads that names the user `id`.
#[inline]
pub fn user(id: &str) -> &str {
    policy().reads(id)
}

#[inline]
fn policy() -> &'static Policy {
    POLICY.get_or_init(|| Policy::new(UserLabel::default()))
}

/// A policy with what it needs at hand.
struct Policy {
    users: UserLabel,
    /// The names of the groups, where there are any.
    groups: Box<[Box<str>]>,
}

impl Policy {
    fn new(users: UserLabel) -> Policy {
        let groups = if let UserLabel::Hashed(groups) = users { groups } else { 0 };
        Policy { users, groups: (0..groups).map(|group| format!("_group{group}").into()).collect() }
    }

    fn reads<'a>(&'a self, id: &'a str) -> &'a str {
        match self.users {
            UserLabel::Off => "_all",
            UserLabel::First(_) => id,
            UserLabel::Hashed(groups) => self.groups.get(group(id, groups) as usize).map_or("_all", |name| name),
        }
    }
}

/// The group of a user, of so many. FNV-1a and a mixing of its bits, written out here because no library promises to
/// hash alike tomorrow and elsewhere, and a user must not move to another group with the next build.
fn group(id: &str, groups: u32) -> u32 {
    let fnv = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (fnv ^ fnv >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    ((mixed * u64::from(groups)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_says_what_a_user_reads() {
        let reads = |users: UserLabel, id: &str| Policy::new(users).reads(id).to_owned();
        assert_eq!(reads(UserLabel::Off, "ada"), "_all");
        assert_eq!(reads(UserLabel::First(1), "ada"), "ada");
        assert_eq!(reads(UserLabel::Hashed(1), "ada"), "_group0");
    }

    #[test]
    fn users_are_spread_over_the_groups_evenly() {
        for (groups, name) in [(16, "user-"), (7, ""), (100, "account/000000")] {
            let mut members = vec![0; groups as usize];
            (0..groups * 1_000).for_each(|user| members[group(&format!("{name}{user}"), groups) as usize] += 1);
            let (least, most) = (members.iter().min(), members.iter().max());
            assert!(least > Some(&850) && most < Some(&1_150), "{groups} groups of {least:?} to {most:?}");
        }
    }

    #[test]
    fn a_user_stays_in_a_group_for_good() {
        // From one build to the next, and beside other processes.
        let groups =
            ["", "ada", "grace", "edsger", "ünï", "0198c7a6-5f3e-7d11-9c0b-1f2e3d4c5b6a"].map(|id| group(id, 64));
        assert_eq!(groups, [33, 35, 49, 26, 62, 3]);
    }

    #[test]
    fn groups_that_cannot_be_are_refused() {
        for groups in [0, MOST_GROUPS + 1] {
            let error = UserLabel::Hashed(groups).set().expect_err("no such groups").to_string();
            assert_eq!(error, format!("users cannot be hashed into {groups} groups: there are 1 to 100000"));
        }
    }
}
