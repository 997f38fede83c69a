unsafe fn helper() -> u8 {
    1
}

#[attribute]
pub async fn function() -> u8 {
    helper()
}
