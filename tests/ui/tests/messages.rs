//! Each mistake and what the compiler says of it: one file a mistake, its message beside it.

#[test]
fn each_mistake_has_its_message() {
    if ui::blessed_here("the compile-fail cases") {
        let cases = trybuild::TestCases::new();
        cases.compile_fail("*/fail/*.rs");
    }
}
