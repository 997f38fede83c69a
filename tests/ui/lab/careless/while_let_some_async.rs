#[attribute]
pub async fn function(numbers: Vec<u8>) -> u8 {
    let mut sum = 0;
    let mut numbers = numbers.into_iter();
    while let Some(number) = numbers.next() {
        sum += number;
    }
    sum
}
