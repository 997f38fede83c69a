//! What rustc and clippy say of the handlers, they say with our attributes too.

use std::fs;

use ui::lab::{Difference, Lab, Lints, Said, without_attributes};

#[test]
fn a_handler_gets_the_same_lints() {
    let lab = Lab::new("ui-actix", &["monitor_runtime", "actix_web", "tokio", "ui"]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/handlers.rs");
    let with = fs::read_to_string(file).expect("the handlers");
    let without = without_attributes(&with);
    assert_ne!(with, without);
    for lints in [Lints::Rustc, Lints::Clippy] {
        let without = lab.hear(&format!("{lints:?}-without"), &without, lints, "2024");
        let with = lab.hear(&format!("{lints:?}-with"), &with, lints, "2024");
        assert!(!without.is_empty(), "there is something to say of them");
        assert!(!without.iter().any(Said::is_error), "{without:?}");
        let difference = Difference::between(&without, &with).except_lost(lints.lost());
        assert!(difference.is_none(), "{difference}");
    }
}
