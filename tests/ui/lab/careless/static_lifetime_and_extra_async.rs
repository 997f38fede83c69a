#[attribute]
pub async fn function<'a>(text: &'a str) -> &'a str {
    text
}
