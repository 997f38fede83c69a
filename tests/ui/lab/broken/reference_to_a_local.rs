#[attribute]
pub fn function() -> &'static str {
    let text = String::new();
    &text
}
