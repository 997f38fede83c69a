#[attribute]
pub fn function(name: &str) -> Result<&str, String> {
    if name.is_empty() {
        return Err(String::from("none"));
    }
    Ok(name.to_uppercase().as_str())
}
