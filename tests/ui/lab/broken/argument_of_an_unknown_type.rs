#[attribute]
pub fn function(number: Number) -> u8 {
    number.0
}
