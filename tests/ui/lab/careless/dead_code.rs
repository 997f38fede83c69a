#[attribute]
fn never_called(number: u8) -> u8 {
    never_called_either(number)
}

fn never_called_either(number: u8) -> u8 {
    number
}

#[attribute]
async fn never_awaited() {}

struct Empty;

impl Empty {
    #[attribute]
    fn never_called(&self) -> u8 {
        1
    }

    #[attribute]
    async fn never_awaited(self) -> Option<u8> {
        Some(1)
    }
}
