#[expect(dead_code, reason = "on purpose")]
#[attribute]
fn never_called() -> u8 {
    1
}

#[attribute]
#[allow(dead_code)]
async fn never_awaited(unused: u8) -> Option<u8> {
    Some(1)
}
