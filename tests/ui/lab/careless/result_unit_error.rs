#[attribute]
pub fn function() -> Result<u8, ()> {
    Err(())
}
