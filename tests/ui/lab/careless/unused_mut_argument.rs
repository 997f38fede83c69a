#[attribute]
pub fn function(mut number: u8) -> u8 {
    number
}
