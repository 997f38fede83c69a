#[attribute]
pub fn function(text: &str) -> usize {
    text.lenght()
}
