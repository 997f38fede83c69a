#[attribute]
pub async fn function(number: u8) -> u8 {
    number.await
}
