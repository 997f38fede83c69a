#[attribute]
pub async fn function(text: &str) {
    let number: u8 = text.parse()?;
    drop(number.to_string());
}
