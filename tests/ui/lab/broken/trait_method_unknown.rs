pub trait Greets {
    fn greet(&self) -> String;
}

pub struct Host;

impl Greets for Host {
    #[attribute]
    fn greet(&self) -> String {
        String::new()
    }

    #[attribute]
    fn wave(&self) {}
}
