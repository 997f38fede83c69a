#[attribute]
pub fn function(number: u8) -> u8 {
    number
}

pub fn caller() -> u8 {
    function("one")
}
