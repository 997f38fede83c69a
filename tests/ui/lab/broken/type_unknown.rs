#[attribute]
pub fn function() -> usize {
    let numbers = "1 2".split(' ').map(|text| text.parse().unwrap()).collect();
    numbers.len()
}
