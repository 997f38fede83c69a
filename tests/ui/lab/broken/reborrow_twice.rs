#[attribute]
pub fn function(numbers: &mut Vec<u8>) -> (&mut u8, &mut u8) {
    (&mut numbers[0], &mut numbers[1])
}
