unsafe fn helper() -> u8 {
    1
}

#[attribute]
pub fn function() -> u8 {
    helper()
}
