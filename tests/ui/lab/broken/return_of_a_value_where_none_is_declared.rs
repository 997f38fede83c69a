#[attribute]
pub fn function(number: u8) {
    if number > 3 {
        return number;
    }
}
