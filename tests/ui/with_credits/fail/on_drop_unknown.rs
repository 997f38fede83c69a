use monitor_runtime::credits::CreditsError;

#[monitor_runtime::with_credits(cost = 5, on_drop = "charge")]
async fn report(pages: u32) -> Result<u32, CreditsError> {
    Ok(pages)
}

fn main() {
    drop(report(3));
}
