fn helper(text: &str) -> usize {
    text.len()
}

#[attribute]
pub fn function(text: &String) -> usize {
    helper(&text)
}
