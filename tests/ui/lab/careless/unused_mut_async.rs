#[attribute]
pub async fn function(number: u8) -> u8 {
    let mut doubled = number * 2;
    doubled
}
