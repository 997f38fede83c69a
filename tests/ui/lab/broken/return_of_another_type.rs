#[attribute]
pub fn function(number: u8) -> u64 {
    if number > 3 {
        return number;
    }
    5
}
