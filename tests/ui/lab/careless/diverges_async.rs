#[attribute]
pub async fn function(number: u8) -> Result<u8, String> {
    let unused = number;
    todo!()
}
