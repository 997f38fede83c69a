#[attribute]
pub async fn function() {
    let unit = ();
    unit
}
