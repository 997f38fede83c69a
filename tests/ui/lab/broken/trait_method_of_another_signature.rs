pub trait Greets {
    fn greet(&self, name: &str) -> String;
}

pub struct Host;

impl Greets for Host {
    #[attribute]
    fn greet(&self, name: String) -> String {
        name
    }
}
