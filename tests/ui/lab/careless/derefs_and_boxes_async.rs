#[attribute]
pub async fn function(text: Box<String>) -> String {
    *text
}
