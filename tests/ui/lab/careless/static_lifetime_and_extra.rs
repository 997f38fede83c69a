#[attribute]
pub fn function<'a>(text: &'a str) -> &'a str {
    text
}
