#[attribute]
pub fn function(number: u8) -> Option<u8> {
    if number > 3 {
        return Some("three");
    }
    if number > 2 {
        return Err(());
    }
    Some(number)
}
