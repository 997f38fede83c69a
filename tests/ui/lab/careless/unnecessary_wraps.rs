#[attribute]
pub fn function(number: u8) -> Option<u8> {
    Some(number)
}
