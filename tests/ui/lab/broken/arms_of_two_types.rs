#[attribute]
pub fn function(number: u8) -> u8 {
    match number {
        0 => "none",
        _ => number,
    }
}
