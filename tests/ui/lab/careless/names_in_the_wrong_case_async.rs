#[attribute]
pub async fn function(Number: u8) -> u8 {
    let MyNumber = Number;
    MyNumber
}
