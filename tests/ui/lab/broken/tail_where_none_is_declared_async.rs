#[attribute]
pub async fn function(number: u8) {
    number + 1
}
