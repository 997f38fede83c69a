//! Bodies of at most one expression that have no value.
#[attribute]
pub fn empty() {}
#[attribute]
pub fn blank() { }
#[attribute]
pub fn comment() { /* nothing yet */ }
#[attribute]
pub fn call() { empty() }
#[attribute]
pub fn statement() { empty(); }
#[attribute]
pub fn block() { { empty() } }
#[attribute]
pub fn of_a_macro() { println!() }
#[attribute]
pub fn of_a_macro_in_braces() { println! {} }
#[attribute]
pub fn unsafely() { unsafe { std::arch::asm!("") } }
#[attribute]
pub fn item() { const _: () = (); }
#[attribute]
pub fn condition(number: u32) { if number > 3 { empty() } }
#[attribute]
pub fn iteration() { for _ in 0..3 { empty() } }
#[attribute]
pub fn never() -> ! { panic!() }
#[attribute]
pub fn forever() -> ! { loop {} }
#[attribute]
pub async fn empty_async() {}
#[attribute]
pub async fn call_async() { empty() }
#[attribute]
pub async fn wait() { empty_async().await }
#[attribute]
pub async fn statement_async() { empty_async().await; }
/// A shop.
#[derive(Debug)]
pub struct Shop;
impl Shop {
    #[attribute]
    pub fn open(&self) { empty() }
    #[attribute]
    pub async fn open_async(&self) { empty() }
}
impl Drop for Shop {
    #[attribute]
    fn drop(&mut self) { empty() }
}
