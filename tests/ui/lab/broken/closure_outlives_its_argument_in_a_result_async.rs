#[attribute]
pub async fn function(name: String) -> Result<std::thread::JoinHandle<usize>, String> {
    if name.is_empty() {
        return Err(name);
    }
    Ok(std::thread::spawn(|| name.len()))
}
