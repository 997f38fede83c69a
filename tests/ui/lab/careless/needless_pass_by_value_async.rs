#[attribute]
pub async fn function(text: String) -> usize {
    text.len()
}
