#[attribute]
pub fn function(number: u8) -> u8 {
    return number;
    number + 1
}
