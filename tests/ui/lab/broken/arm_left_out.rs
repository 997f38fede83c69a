#[attribute]
pub fn function(number: Option<u8>) -> u8 {
    match number {
        Some(number) => number,
    }
}
