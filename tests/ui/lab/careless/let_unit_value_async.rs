#[attribute]
pub async fn function(numbers: &mut Vec<u8>) {
    let nothing = numbers.push(1);
    nothing
}
