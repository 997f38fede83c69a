#[attribute]
pub fn function(numbers: &Vec<u8>) {
    numbers.push(1);
}
