pub struct Account {
    name: String,
    amount: u8,
}

impl Account {
    #[attribute]
    pub fn function(&self) -> u8 {
        amount
    }
}
