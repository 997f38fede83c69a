#[attribute]
pub async fn function(numbers: &mut Vec<u8>) {
    numbers.push(1)
}
