#![deny(unused_must_use)]
#[must_use]
fn helper() -> u8 {
    1
}

#[attribute]
pub async fn function() {
    helper();
}
