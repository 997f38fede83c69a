#[attribute]
pub fn function() -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.push("a");
    bytes
}
