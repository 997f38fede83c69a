#[attribute]
pub async fn function(number: u8) -> u8 {
    if number > 3 {
        number
    }
}
