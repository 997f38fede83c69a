#[attribute]
pub async fn function(number: u8) -> u8 {
    let unused = number + 1;
    number
}
