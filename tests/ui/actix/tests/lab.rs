//! What rustc and clippy say of the handlers, they say with our attributes too.

use std::fs;

use ui::lab::{Difference, LOST, Lab, Lints, without_attributes};

#[test]
fn a_handler_gets_the_same_lints() {
    let lab = Lab::new("ui-actix", &["monitor_runtime", "actix_web", "tokio", "ui"]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/handlers.rs");
    let with = fs::read_to_string(file).expect("the handlers");
    let without = without_attributes(&with);
    assert_ne!(with, without);
    let without = lab.hear("without", &without, Lints::Pedantic, "2024");
    let with = lab.hear("with", &with, Lints::Pedantic, "2024");
    assert!(!without.is_empty(), "clippy has something to say of them");
    assert!(!without.iter().any(ui::lab::Said::is_error), "{without:?}");
    // The value of a paid call waits for its capture, and a response does not cross threads.
    let difference = Difference::between(&without, &with).except_lost(&LOST).except_added(&["clippy::future_not_send"]);
    assert!(difference.is_none(), "{difference}");
}
