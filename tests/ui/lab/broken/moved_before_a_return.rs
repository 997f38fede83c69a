#[attribute]
pub fn function(name: String) -> Result<String, String> {
    let moved = name;
    if moved.is_empty() {
        return Err(name);
    }
    Ok(moved)
}
