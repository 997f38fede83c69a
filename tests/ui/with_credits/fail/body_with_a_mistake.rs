use monitor_runtime::credits::CreditsError;

#[monitor_runtime::with_credits(cost = 5)]
async fn report(pages: u32) -> Result<String, CreditsError> {
    Ok(pages)
}

fn main() {
    drop(report(3));
}
