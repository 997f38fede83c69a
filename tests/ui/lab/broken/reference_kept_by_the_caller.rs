#[attribute]
pub fn function(numbers: &mut Vec<u8>) -> &mut u8 {
    &mut numbers[0]
}

pub fn caller() -> u8 {
    let mut numbers = vec![1];
    let first = function(&mut numbers);
    numbers.clear();
    *first
}
