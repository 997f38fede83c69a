#[attribute]
pub async fn function(numbers: &Vec<u8>) {
    numbers.push(1);
}
