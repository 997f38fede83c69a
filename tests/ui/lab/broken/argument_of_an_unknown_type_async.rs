#[attribute]
pub async fn function(number: Number) -> u8 {
    number.0
}
