#[attribute]
pub fn function(number: u8) -> u8 {
    number.wrapping_add(1)
}
