#[attribute]
pub fn function() {
    let unit = ();
    unit
}
