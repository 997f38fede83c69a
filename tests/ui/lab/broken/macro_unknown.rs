#[attribute]
pub fn function(number: u8) -> String {
    formt!("{number}")
}
