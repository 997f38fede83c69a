mod inner {
    #[derive(Default)]
    pub struct Point {
        x: u8,
    }
}

#[attribute]
pub fn function() -> u8 {
    inner::Point::default().x
}
