async fn helper() -> u8 {
    1
}

#[attribute]
pub async fn function() -> u8 {
    let number: u8 = helper();
    number
}
