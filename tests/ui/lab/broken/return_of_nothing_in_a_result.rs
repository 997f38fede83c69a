#[attribute]
pub fn function(number: u8) -> Result<u8, String> {
    if number > 3 {
        return;
    }
    Ok(number)
}
