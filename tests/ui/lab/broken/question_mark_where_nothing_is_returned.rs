#[attribute]
pub fn function(text: &str) {
    let number: u8 = text.parse()?;
    drop(number.to_string());
}
