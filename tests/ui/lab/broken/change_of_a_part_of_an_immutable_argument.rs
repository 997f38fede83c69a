#[attribute]
pub fn function(pair: (u8, u8)) -> u8 {
    pair.0 = 3;
    pair.0
}
