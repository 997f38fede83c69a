pub struct Point {
    pub x: u8,
}

#[attribute]
pub async fn function(point: Point) -> u8 {
    point.z
}
