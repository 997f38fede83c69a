#[attribute]
pub async fn function(number: u8) -> String {
    format!("{}", number)
}
