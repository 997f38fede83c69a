#[attribute]
pub async fn function(mut number: u8) -> u8 {
    number
}
