#[derive(Debug)]
struct ReportError;

#[monitor_runtime::with_credits(cost = 5)]
async fn report() -> Result<u32, ReportError> {
    Ok(3)
}

#[monitor_runtime::with_credits(cost = 5)]
fn sync() -> Result<u32, String> {
    Ok(3)
}

fn main() {
    drop((report(), sync()));
}
