//! Our attributes above and below those of others: every function compiles without a warning, runs, and is counted as
//! often as it is called. `build.rs` writes them.
#![deny(warnings)]

include!(concat!(env!("OUT_DIR"), "/stacked.rs"));

#[test]
fn there_is_something_to_stack() {
    println!("{STACKED} stacked");
    assert!(STACKED > 400);
}

#[test]
fn the_manual_names_what_cannot_be_stacked() {
    let manual = include_str!("../../../../monitor-runtime/src/attributes.rs");
    let table: Vec<&str> = manual.lines().filter(|line| line.starts_with("/// | `")).collect();
    for name in LEFT_OUT {
        assert!(table.iter().any(|line| line.starts_with(&format!("/// | `{name}"))), "`{name}` is not in the table");
    }
}
