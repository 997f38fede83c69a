//! Labels that name users, in a process that hashes them into groups.

use monitor_runtime::{UserLabel, metrics, sample_value};

metrics! {
    /// Exports, by who asked for them
    counter EXPORTS = "groups_exports_total" { #[label(user)] user_id: &str };
}

#[test]
fn any_number_of_users_share_the_groups() {
    UserLabel::Hashed(8).set().expect("before the first metric");
    for user in 0..5_000 {
        EXPORTS.with(EXPORTS { user_id: &format!("user-{user}") }).inc();
    }
    let group = |group: u32| sample_value("groups_exports_total", &[("user_id", &format!("_group{group}"))]);
    assert_eq!((0..8).filter_map(group).sum::<f64>(), 5_000.0);
    assert!((0..8).all(|number| group(number) > Some(500.0)));
    assert_eq!(group(8), None);
    assert_eq!(sample_value("groups_exports_total", &[("user_id", "_overflow")]), None);
}
