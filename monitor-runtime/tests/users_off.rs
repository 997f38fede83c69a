//! Labels that name users, in a process that tells none apart.

use monitor_runtime::credits::{AccountId, Credits, Grant, Memory, Operation};
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
    // Of what accounts paid, the sum is told.
    let (credits, report) = (Credits::new(Memory::new()), Operation::new("report").expect("a name"));
    for name in ["ada", "bob"] {
        let account = AccountId::new(name).expect("a name");
        credits.grant(Grant::new(account.clone(), 7)).wait().expect("granted");
        credits.hold(&account, &report, 5).wait().expect("held").capture().wait().expect("captured");
    }
    let used = |user| sample_value("credit_usage_total", &[("operation", "report"), ("user_id", user)]);
    assert_eq!((used("_all"), used("ada")), (Some(10.0), None));
}
