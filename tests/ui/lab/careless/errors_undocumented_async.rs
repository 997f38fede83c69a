#[attribute]
pub async fn function() -> Result<u8, String> {
    Err(String::new())
}
