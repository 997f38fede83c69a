#[attribute]
pub fn function(text: Box<String>) -> String {
    *text
}
