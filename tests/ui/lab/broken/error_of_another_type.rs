#[attribute]
pub fn function() -> Result<u8, String> {
    Err(5)
}
