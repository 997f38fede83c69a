use monitor_runtime::credits::CreditsError;

#[monitor_runtime::with_credits(cost = 5)]
const fn report() -> Result<u32, CreditsError> {
    Ok(3)
}

fn main() {
    let _ = report();
}
