pub struct Mine;

#[attribute]
pub fn function(text: &str) -> Result<u8, Mine> {
    let number: u8 = text.parse()?;
    Ok(number)
}
