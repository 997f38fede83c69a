#[deprecated]
fn old() -> u8 {
    1
}

#[attribute]
pub async fn function() -> u8 {
    old()
}
