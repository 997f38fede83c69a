fn spawn(_: impl Future<Output = u8> + Send) {}

#[attribute]
pub async fn function() -> u8 {
    let number = std::rc::Rc::new(1);
    std::future::ready(()).await;
    *number
}

pub fn caller() {
    spawn(function());
}
