pub struct Account {
    name: String,
    amount: u8,
}

impl Account {
    #[attribute]
    pub fn function(&self) -> String {
        self.name
    }
}
