#[attribute]
pub fn function() -> impl Future<Output = u8> {
    async { "text" }
}
