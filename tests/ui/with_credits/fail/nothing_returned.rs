#[monitor_runtime::with_credits(cost = 5)]
async fn report() {}

#[monitor_runtime::with_credits(cost = 5)]
fn serve() -> ! {
    loop {}
}

fn main() {
    drop(report());
    serve();
}
