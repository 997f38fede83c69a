#[attribute]
pub async fn function(pair: (u8, u8)) -> Result<u8, String> {
    pair.0 = 3;
    Ok(pair.0)
}
