#[attribute]
pub fn function(number: u8) -> impl std::fmt::Display {
    if number > 3 {
        return "many";
    }
    number
}
