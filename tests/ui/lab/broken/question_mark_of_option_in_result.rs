#[attribute]
pub fn function(text: &str) -> Result<char, String> {
    let first = text.chars().next()?;
    Ok(first)
}
