#[attribute]
pub async fn function(number: u8) -> u8 {
    let doubled = number * 2;
    doubled
}
