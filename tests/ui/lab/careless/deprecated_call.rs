#[deprecated]
fn old() -> u8 {
    1
}

#[attribute]
pub fn function() -> u8 {
    old()
}
