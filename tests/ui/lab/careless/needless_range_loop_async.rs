#[attribute]
pub async fn function(numbers: &[u8]) -> u8 {
    let mut sum = 0;
    for i in 0..numbers.len() {
        sum += numbers[i];
    }
    sum
}
