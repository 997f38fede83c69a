#[attribute]
pub async fn function(text: impl AsRef<str> + Clone) -> usize {
    text.as_ref().len()
}
