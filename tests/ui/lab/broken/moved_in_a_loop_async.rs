#[attribute]
pub async fn function(text: String) {
    for _ in 0..2 {
        drop(text);
    }
}
