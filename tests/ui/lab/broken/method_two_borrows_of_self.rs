pub struct Account {
    name: String,
    amount: u8,
}

impl Account {
    fn helper(&mut self) {}

    #[attribute]
    pub fn function(&mut self) -> u8 {
        let name = &mut self.name;
        self.helper();
        name.push('a');
        self.amount
        
    }
}
