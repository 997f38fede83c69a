#[attribute]
pub fn function() -> u8 {
    255 + 1
}
