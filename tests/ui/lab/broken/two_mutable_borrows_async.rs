#[attribute]
pub async fn function(numbers: &mut Vec<u8>) -> u8 {
    let first = &mut numbers[0];
    let second = &mut numbers[1];
    *first += 1;
    *second += 1;
    *first
}
