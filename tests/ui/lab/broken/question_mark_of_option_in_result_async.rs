#[attribute]
pub async fn function(text: &str) -> Result<char, String> {
    let first = text.chars().next()?;
    Ok(first)
}
