#[attribute]
pub fn function(number: u8) -> Result<u8, String> {
    return Ok(number);
    let unused = number;
    Err(String::new())
}
