#[attribute]
pub fn function(number: u8) -> u8 {
    let number = number +;
    number
}
