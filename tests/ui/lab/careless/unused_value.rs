#[attribute]
pub fn function(number: u8) -> u8 {
    number + 1;
    number
}
