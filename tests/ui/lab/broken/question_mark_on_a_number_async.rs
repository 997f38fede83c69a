#[attribute]
pub async fn function(number: u8) -> Option<u8> {
    let number = number?;
    Some(number)
}
