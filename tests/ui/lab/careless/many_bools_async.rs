#[attribute]
pub async fn function(a: bool, b: bool, c: bool, d: bool) -> bool {
    a && b || c && d
}
