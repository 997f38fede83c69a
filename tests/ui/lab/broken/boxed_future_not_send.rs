use std::pin::Pin;

#[attribute]
pub fn function() -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async {
        let number = std::rc::Rc::new(1);
        std::future::ready(()).await;
        *number
    })
}
