#[attribute]
pub fn function(number: u8) -> u8 {
    #[expect(unused_variables, reason = "on purpose")]
    let unused = number;
    let unfit = number;
    number
}
