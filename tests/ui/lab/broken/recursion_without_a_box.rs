#[attribute]
pub async fn function(number: u8) -> u8 {
    if number == 0 { 0 } else { function(number - 1).await }
}
