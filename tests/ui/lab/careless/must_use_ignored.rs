#[attribute]
#[must_use]
pub fn function() -> u8 {
    1
}

#[attribute]
#[must_use = "it is dear"]
pub async fn later() -> u8 {
    1
}

pub fn caller() {
    function();
    later();
}
