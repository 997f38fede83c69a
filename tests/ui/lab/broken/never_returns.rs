#[attribute]
pub fn function() -> ! {
    let _done = 1;
}
