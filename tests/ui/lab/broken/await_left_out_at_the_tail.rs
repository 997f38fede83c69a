async fn helper() -> Result<u8, String> {
    Ok(1)
}

#[attribute]
pub async fn function() -> Result<u8, String> {
    helper()
}
