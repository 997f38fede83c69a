#[attribute]
pub async fn function() -> ! {
    let _done = 1;
}
