#[attribute]
#[deprecated(note = "there is a better one")]
pub fn function() -> u8 {
    1
}

pub fn caller() -> u8 {
    function()
}
