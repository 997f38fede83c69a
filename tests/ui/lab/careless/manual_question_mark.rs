#[attribute]
pub fn function(number: Option<u8>) -> Option<u8> {
    let number = match number {
        Some(number) => number,
        None => return None,
    };
    Some(number)
}
