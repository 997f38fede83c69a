#[attribute]
pub fn function(number: u8) {
    println!("{}", number);
    dbg!(number);
}
