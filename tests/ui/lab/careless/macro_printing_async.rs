#[attribute]
pub async fn function(number: u8) {
    println!("{}", number);
    dbg!(number);
}
