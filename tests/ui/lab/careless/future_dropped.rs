async fn helper() {}

#[attribute]
pub fn function() {
    helper();
}
