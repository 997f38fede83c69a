//! What a ledger's keeper says of itself on the page: holds that stand, that expired, that were paid late or not at all,
//! and what verifying finds. One test, because the page is one for the whole process.
#![cfg(all(feature = "sqlite", feature = "test-util"))]

use std::time::Duration;

use monitor_runtime::clock::StoreClock;
use monitor_runtime::credits::{AccountId, Credits, CreditsError, Grant, Operation, Sqlite};
use monitor_runtime::sample_value;

const LIFETIME: Duration = Duration::from_secs(60);

/// Waits for what the keeper's thread will say.
fn eventually(name: &str, labels: &[(&str, &str)], value: f64) {
    servers::eventually(|| match sample_value(name, labels) {
        found if found == Some(value) => Ok(()),
        found => Err(format!("{name} is {found:?}, and not {value}")),
    });
}

#[test]
fn the_page_tells_what_stands_what_expired_what_was_late_and_what_does_not_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, clock) = (folder.path().join("credits.db"), StoreClock::manual());
    let ledger = Sqlite::open_with_clock(&path, clock.clone()).expect("a ledger");
    let credits = Credits::builder(ledger).hold_lifetime(LIFETIME).reap_every(Duration::from_millis(1)).build();
    let (ada, report) = (AccountId::new("ada").expect("a name"), Operation::new("report").expect("a name"));
    credits.grant(Grant::new(ada.clone(), 10)).wait().expect("granted");

    let paid_late = credits.hold(&ada, &report, 4).wait().expect("held");
    let lost = credits.hold(&ada, &report, 3).wait().expect("held");
    eventually("credit_holds_open", &[], 2.0);
    eventually("credits_held", &[], 7.0);
    clock.advance(LIFETIME);
    eventually("credit_holds_expired_total", &[], 2.0);
    eventually("credit_holds_open", &[], 0.0);
    eventually("credits_held", &[], 0.0);

    assert!(paid_late.capture().wait().expect("a charge").captured.expect("at once").late);
    credits.hold(&ada, &report, 6).wait().expect("held").capture().wait().expect("captured");
    assert_eq!(lost.capture().wait(), Err(CreditsError::Insufficient { required: 3, available: 0 }));
    for result in ["charged", "refused"] {
        assert_eq!(sample_value("credit_captures_late_total", &[("result", result)]), Some(1.0), "{result}");
    }
    assert_eq!(sample_value("credit_settles_lost_total", &[]), Some(1.0));
    let used = sample_value("credit_usage_total", &[("operation", "report"), ("user_id", "ada")]);
    assert_eq!(used, Some(10.0), "what was lost is not used");

    assert_eq!(credits.verify().wait().expect("a ledger").violations, []);
    assert_eq!(sample_value("credit_violations_total", &[]), Some(0.0));
    let tampering = rusqlite::Connection::open(&path).expect("the file");
    tampering.execute("UPDATE account SET available = 1000", []).expect("a row");
    let found = credits.verify().wait().expect("a ledger").violations.len();
    assert!(found > 0);
    assert_eq!(sample_value("credit_violations_total", &[]), Some(found as f64));
}
