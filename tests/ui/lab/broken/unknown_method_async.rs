#[attribute]
pub async fn function(text: &str) -> usize {
    text.lenght()
}
