pub struct Point {
    pub x: u8,
}

#[attribute]
pub fn function(point: Point) -> u8 {
    point.z
}
