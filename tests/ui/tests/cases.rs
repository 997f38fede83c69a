//! Each group of valid functions: it compiles with the attribute, runs, and counts what it should.

#[test]
fn each_valid_function_compiles_and_counts() {
    trybuild::TestCases::new().pass("*/pass/*.rs");
}
