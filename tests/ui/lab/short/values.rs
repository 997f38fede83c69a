//! Bodies of one expression that have a value.
#[attribute]
pub fn literal() -> u32 { 3 }
#[attribute]
pub fn no_spaces() -> u32 {3}
#[attribute]
pub fn with_a_comment() -> u32 { /* three */ 3 /* no more */ }
#[attribute]
pub fn behind_a_comment() -> u32 { // three
    3 }
#[attribute]
pub fn call(number: u32) -> u32 { literal() + number }
#[attribute]
pub fn result(text: &str) -> Result<u32, std::num::ParseIntError> { text.parse() }
#[attribute]
pub fn question(text: &str) -> Result<u32, std::num::ParseIntError> { Ok(text.parse()?) }
#[attribute]
pub fn returned(text: &str) -> Result<u32, std::num::ParseIntError> { if text.is_empty() { return Ok(0) } text.parse() }
#[attribute]
pub fn option(text: &str) -> Option<&str> { text.strip_prefix('a') }
#[attribute]
pub fn reference(text: &str) -> &str { text }
#[attribute]
pub fn of_a_macro(number: u32) -> Vec<u32> { vec![number] }
#[attribute]
pub fn text(number: u32) -> String { format!("{number}") }
#[attribute]
pub fn unsafely(number: &u32) -> u32 { unsafe { *std::ptr::from_ref(number) } }
#[attribute]
pub fn block() -> u32 { 'a: { break 'a 3 } }
#[attribute]
pub fn branch(number: u32) -> u32 { if number > 3 { 1 } else { 2 } }
#[attribute]
pub fn arms(number: u32) -> u32 { match number { 0 => 1, other => other } }
#[attribute]
pub fn closure(number: u32) -> impl Fn(u32) -> u32 { move |other| other + number }
#[attribute]
pub fn boxed_closure(number: u32) -> Box<dyn Fn(u32) -> u32> { Box::new(move |other| other + number) }
#[attribute]
pub fn future(number: u32) -> impl Future<Output = u32> { async move { number } }
#[attribute]
pub async fn waited(number: u32) -> u32 { std::future::ready(number).await }
#[attribute]
pub async fn literal_async() -> u32 { 3 }
#[attribute]
pub async fn result_async(text: &str) -> Result<u32, std::num::ParseIntError> { text.parse() }
#[attribute]
pub async fn question_async(text: &str) -> Result<u32, std::num::ParseIntError> { Ok(text.parse()?) }
#[attribute]
pub async fn reference_async(text: &str) -> &str { text }
#[attribute]
pub fn argument_lent(number: u32) -> Vec<u32> { (0..3).map(|other| other + number).collect() }
#[attribute]
pub fn argument_changed(mut number: u32) -> u32 { { number += 1; number } }
#[attribute]
pub async fn argument_lent_async(number: u32) -> Vec<u32> { (0..3).map(|other| other + number).collect() }
/// A shop.
#[derive(Debug)]
pub struct Shop(u32);
impl Shop {
    #[attribute]
    pub fn new(number: u32) -> Self { Self(number) }
    #[attribute]
    pub fn number(&self) -> u32 { self.0 }
    #[attribute]
    pub fn changed(&mut self) -> &mut u32 { &mut self.0 }
    #[attribute]
    pub async fn waited(&self) -> u32 { self.0 }
}
/// A shop of any kind.
pub trait Open {
    #[attribute]
    fn open(&self) -> bool { true }
}
macro_rules! functions {
    ($block:ident $body:block, $value:ident $value_async:ident $expr:expr) => {
        /// Given a block.
        #[attribute]
        pub fn $block() -> u32 $body
        #[attribute]
        pub fn $value() -> u32 { $expr }
        #[attribute]
        pub async fn $value_async() -> u32 { $expr }
    };
}
functions!(block_made { 3 }, value_made value_made_async 3 + 4);
