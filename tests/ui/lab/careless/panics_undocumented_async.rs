#[attribute]
pub async fn function(number: Option<u8>) -> u8 {
    number.unwrap()
}
