#[attribute]
pub fn function(_number: u8) -> u8 {
    _number
}
