#[attribute]
pub fn function(number: u8) -> u8 {
    match number {
        _ => 1,
        2 => 2,
    }
}
