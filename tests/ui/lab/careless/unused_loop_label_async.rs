#[attribute]
pub async fn function() -> u8 {
    'outer: loop {
        break 1;
    }
}
