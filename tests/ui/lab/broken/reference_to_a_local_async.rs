#[attribute]
pub async fn function() -> &'static str {
    let text = String::new();
    &text
}
