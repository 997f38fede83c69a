use monitor_runtime::credits::CreditsError;

const COST: i64 = 5;

#[monitor_runtime::with_credits(5)]
async fn literal() -> Result<u32, CreditsError> {
    Ok(3)
}

#[monitor_runtime::with_credits(COST, operation = "report")]
async fn constant() -> Result<u32, CreditsError> {
    Ok(3)
}

#[monitor_runtime::with_credits(pages * 2)]
async fn of_the_arguments(pages: u32) -> Result<u32, CreditsError> {
    Ok(pages)
}

fn main() {
    drop((literal(), constant(), of_the_arguments(1)));
}
