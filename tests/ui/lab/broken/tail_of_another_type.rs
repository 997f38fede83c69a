#[attribute]
pub fn function(number: u8) -> String {
    let number = number + 1;
    number
}
