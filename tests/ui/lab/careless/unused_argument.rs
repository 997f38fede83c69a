#[attribute]
pub fn function(number: u8, unused: u8) -> u8 {
    number
}
