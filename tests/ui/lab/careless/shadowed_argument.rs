#[attribute]
pub fn function(number: u8, other: u8) -> Result<u8, String> {
    let number = number.checked_mul(2).ok_or_else(|| String::from("much"))?;
    let mut other = other;
    other = number;
    Ok(number)
}
