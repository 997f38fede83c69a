use std::pin::Pin;

#[monitor_runtime::with_credits(cost = 5)]
async fn number() -> u32 {
    3
}

#[monitor_runtime::with_credits(cost = 5)]
async fn optional() -> Option<u32> {
    Some(3)
}

#[monitor_runtime::with_credits(cost = 5)]
fn boxed() -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async { 3 })
}

#[monitor_runtime::with_credits(cost = 5)]
fn hidden() -> impl Future<Output = u32> {
    async { 3 }
}

#[monitor_runtime::with_credits(cost = 5)]
fn sync() -> Vec<u32> {
    vec![3]
}

fn main() {
    drop((number(), optional(), boxed(), hidden(), sync()));
}
