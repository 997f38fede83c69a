#[attribute]
pub fn function() -> u8 {
    use std::fmt::Write;
    1
}
