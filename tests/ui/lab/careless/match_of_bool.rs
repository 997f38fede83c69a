#[attribute]
pub fn function(good: bool) -> u8 {
    match good {
        true => 1,
        false => 2,
    }
}
