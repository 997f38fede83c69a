#[attribute]
pub async fn function() -> impl Iterator<Item = u8> {
    vec!["a"].into_iter()
}
