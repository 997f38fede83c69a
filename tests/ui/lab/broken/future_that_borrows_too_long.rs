fn spawn(_: impl Future<Output = usize> + 'static) {}

#[attribute]
pub async fn function(text: &str) -> usize {
    text.len()
}

pub fn caller() {
    let text = String::new();
    spawn(function(&text));
}
