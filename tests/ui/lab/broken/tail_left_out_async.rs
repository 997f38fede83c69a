#[attribute]
pub async fn function(number: u8) -> u8 {
    let _doubled = number * 2;
}
