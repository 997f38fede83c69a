pub struct Account {
    name: String,
    amount: u8,
}

impl Account {
    #[attribute]
    pub async fn function(&self) -> String {
        self.name
    }
}
