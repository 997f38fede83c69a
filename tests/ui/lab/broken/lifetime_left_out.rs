#[attribute]
pub fn function(a: &str, b: &str) -> &str {
    if a.is_empty() { b } else { a }
}
