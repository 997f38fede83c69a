#[attribute]
pub async fn function() -> u8 {
    255 + 1
}
