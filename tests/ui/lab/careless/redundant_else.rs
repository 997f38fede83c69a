#[attribute]
pub fn function(number: u8) -> u8 {
    if number > 3 {
        return 1;
    } else {
        drop(number.to_string());
    }
    2
}
