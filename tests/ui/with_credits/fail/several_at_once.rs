use monitor_runtime::credits::CreditsError;

#[monitor_runtime::with_credits(cost = -5, operation = "", price = 3, when_down = 1, account)]
const fn report() -> Result<(), CreditsError> {
    Ok(())
}

fn main() {
    let _ = report();
}
