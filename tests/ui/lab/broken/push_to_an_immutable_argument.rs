#[attribute]
pub fn function(names: Vec<String>) -> Result<Vec<String>, String> {
    names.push(String::from("a").parse().map_err(|_| String::new())?);
    Ok(names)
}
