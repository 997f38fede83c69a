#[attribute]
pub fn function() -> u8 {
    'outer: loop {
        break 1;
    }
}
