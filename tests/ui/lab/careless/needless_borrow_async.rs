fn helper(text: &str) -> usize {
    text.len()
}

#[attribute]
pub async fn function(text: &String) -> usize {
    helper(&text)
}
