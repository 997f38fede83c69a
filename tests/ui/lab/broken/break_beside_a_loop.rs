#[attribute]
pub fn function(numbers: Vec<u8>) -> Result<u8, String> {
    for number in &numbers {
        if *number > 3 {
            break;
        }
    }
    if numbers.is_empty() {
        return Err(String::from("none"));
    }
    continue;
}
