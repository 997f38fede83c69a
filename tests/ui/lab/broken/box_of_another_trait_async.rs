#[attribute]
pub async fn function() -> Box<dyn std::error::Error> {
    Box::new(5)
}
