#[attribute]
pub fn function(name: String) -> impl Future<Output = usize> {
    async { name.len() }
}
