#[attribute]
pub fn function(number: u8) -> u8 {
    let mut last = number;
    last = 5;
    number
}
