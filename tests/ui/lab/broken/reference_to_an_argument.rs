#[attribute]
pub fn function(text: String) -> &'static str {
    text.as_str()
}
