#[attribute]
pub fn function(number: u8) {
    number + 1
}
