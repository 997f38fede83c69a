pub struct Account {
    name: String,
    amount: u8,
}

impl Account {
    #[attribute]
    pub fn function(self) -> String {
        let name = self.name;
        drop(self.name);
        name
    }
}
