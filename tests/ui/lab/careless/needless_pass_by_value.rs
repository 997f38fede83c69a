#[attribute]
pub fn function(text: String) -> usize {
    text.len()
}
