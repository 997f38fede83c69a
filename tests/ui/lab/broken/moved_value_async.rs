#[attribute]
pub async fn function(text: String) -> usize {
    let moved = text;
    drop(moved);
    text.len()
}
