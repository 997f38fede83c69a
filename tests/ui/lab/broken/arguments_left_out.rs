fn helper(a: u8, b: u8) -> u8 {
    a + b
}

#[attribute]
pub fn function(number: u8) -> u8 {
    helper(number)
}
