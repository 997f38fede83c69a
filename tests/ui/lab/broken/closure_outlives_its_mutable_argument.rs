#[attribute]
pub fn function(mut number: u8) -> std::thread::JoinHandle<u8> {
    number += 1;
    std::thread::spawn(|| number + 1)
}
