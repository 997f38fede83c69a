async fn helper() {}

#[attribute]
pub async fn function() {
    helper();
}
