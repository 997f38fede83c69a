#[attribute]
pub async fn function(number: u64) -> u8 {
    number as u8
}
