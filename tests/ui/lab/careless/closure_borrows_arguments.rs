#[attribute]
pub fn function(mut left: Vec<u8>, mut right: u8, unused: u8, same: u8) -> Result<usize, String> {
    left.push(same);
    let more = left.iter().filter(|number| **number > same).count();
    Ok(more)
}
