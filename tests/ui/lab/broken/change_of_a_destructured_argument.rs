#[attribute]
pub fn function((left, right): (u8, u8)) -> Result<u8, String> {
    left += right;
    Ok(left)
}
