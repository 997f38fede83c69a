#[attribute]
pub async fn function(number: u8) -> u8 {
    #[expect(unused_variables, reason = "on purpose")]
    let used = number;
    used
}
