#[attribute]
pub async fn function() -> u8 {
    let number = 1;
    numbr + number
}
