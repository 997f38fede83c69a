#[attribute]
pub async fn function(text: &str) -> String {
    let text = text.to_string();
    let copy = text.clone();
    copy
}
