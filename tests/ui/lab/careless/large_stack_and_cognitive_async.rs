#[attribute]
pub async fn function(a: bool, b: bool) -> u8 {
    if a && b {
        if a {
            return 1;
        }
    }
    2
}
