#[attribute]
pub async fn function(mut name: String) -> Option<std::thread::JoinHandle<usize>> {
    name.push('a');
    Some(std::thread::spawn(|| name.len()))
}
