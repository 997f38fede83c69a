//! Labels that name users, in a process that sets no policy: the first thousand of each family are told apart.

use monitor_runtime::{UserLabel, UserLabelError, metrics, sample_value};

metrics! {
    /// Exports, by who asked for them
    counter EXPORTS = "users_exports_total" { kind: &'static str, #[label(user)] user_id: &str } limit 10_000 growth 1_000_000;
    /// Exports, by the number of who asked for them
    counter NUMBERED = "users_numbered_total" { #[label(user)] user_id: u64 } limit 10 growth 1_000_000;
}

#[test]
fn the_first_thousand_users_are_told_apart_and_the_total_is_exact() {
    for user in 0..3_000 {
        let user_id = &format!("user-{user}");
        EXPORTS.with(EXPORTS { kind: if user % 2 == 0 { "pdf" } else { "csv" }, user_id }).add(2);
    }
    let sample =
        |kind: &str, user_id: &str| sample_value("users_exports_total", &[("kind", kind), ("user_id", user_id)]);
    assert_eq!((sample("csv", "user-999"), sample("pdf", "user-1000")), (Some(2.0), None));
    assert_eq!((sample("pdf", "_overflow"), sample("csv", "_overflow")), (Some(2_000.0), Some(2_000.0)));
    // A user who was seen has a series for every other label.
    EXPORTS.with(EXPORTS { kind: "pdf", user_id: "user-999" }).inc();
    assert_eq!(sample("pdf", "user-999"), Some(1.0));
}

#[test]
fn the_family_s_own_limit_holds_too() {
    (0..50).for_each(|user_id| NUMBERED.with(NUMBERED { user_id }).inc());
    let sample = |user_id: &str| sample_value("users_numbered_total", &[("user_id", user_id)]);
    assert_eq!((sample("9"), sample("10"), sample("_overflow")), (Some(1.0), None, Some(40.0)));
}

#[test]
fn once_metrics_are_used_the_policy_stays() {
    NUMBERED.with(NUMBERED { user_id: 0 }).add(0);
    let error = UserLabel::Off.set().expect_err("too late");
    assert_eq!(error, UserLabelError::InUse { asked: UserLabel::Off, in_use: UserLabel::First(1_000) });
    assert_eq!(
        error.to_string(),
        "labels of users cannot be off: they are the first 1000 already; set the policy once, before the first metric is used"
    );
    assert_eq!(UserLabel::default().set(), Ok(()));
}
