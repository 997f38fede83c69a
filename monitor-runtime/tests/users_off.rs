//! Labels that name users, in a process that tells none apart.

use monitor_runtime::{UserLabel, instrument, metrics, sample_value};

metrics! {
    /// Exports, by who asked for them
    counter EXPORTS = "off_exports_total" { #[label(user)] user_id: &str };
}

#[test]
fn no_user_is_named() {
    UserLabel::Off.set().expect("before the first metric");
    #[instrument(counter = EXPORTS, user_id = user)]
    fn export(user: &str) {
        let _ = user;
    }
    (0..3_000).for_each(|user| export(&format!("user-{user}")));
    assert_eq!(sample_value("off_exports_total", &[("user_id", "_all")]), Some(3_000.0));
    assert_eq!(sample_value("off_exports_total", &[("user_id", "user-1")]), None);
}
