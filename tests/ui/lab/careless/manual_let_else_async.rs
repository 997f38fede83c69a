#[attribute]
pub async fn function(number: Option<u8>) -> u8 {
    let number = if let Some(number) = number {
        number
    } else {
        return 0;
    };
    number
}
