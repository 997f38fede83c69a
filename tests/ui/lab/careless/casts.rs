#[attribute]
pub fn function(number: u64) -> u8 {
    number as u8
}
