fn helper() -> Result<u8, String> {
    Ok(1)
}

#[attribute]
pub async fn function(number: u8) -> u8 {
    helper();
    number
}
