/// An account.
pub struct Account {
    name: String,
    unread: u8,
}

impl Account {
    #[attribute]
    pub fn new(name: String) -> Self {
        Account { name: name, unread: 0 }
    }

    #[attribute]
    pub fn get_name(&self) -> &String {
        return &self.name;
    }

    #[attribute]
    pub fn to_name(self, unused: u8) -> String {
        self.name.clone()
    }

    #[attribute]
    pub async fn unused_self(&self) -> u8 {
        let mut number = 1;
        number
    }

    #[attribute]
    pub fn is_good(&mut self) -> bool {
        if self.name.len() == 0 {
            return false;
        }
        true
    }

    #[attribute]
    pub async fn future(&self, cell: std::rc::Rc<u8>) -> u8 {
        std::future::ready(()).await;
        *cell
    }
}

impl Drop for Account {
    #[attribute]
    fn drop(&mut self) {
        let unused = 1;
    }
}
