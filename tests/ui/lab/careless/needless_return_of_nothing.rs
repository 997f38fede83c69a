#[attribute]
pub fn function(number: u8) {
    drop(number.to_string());
    return;
}
