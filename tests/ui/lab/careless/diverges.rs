#[attribute]
pub fn function(number: u8) -> u8 {
    let unused = number;
    std::process::exit(1)
}
