use monitor_runtime::credits::CreditsError;

#[monitor_runtime::with_credits(cost = -5)]
async fn negative() -> Result<(), CreditsError> {
    Ok(())
}

#[monitor_runtime::with_credits(cost = 1.5)]
async fn fractional() -> Result<(), CreditsError> {
    Ok(())
}

#[monitor_runtime::with_credits(cost = "five")]
async fn text() -> Result<(), CreditsError> {
    Ok(())
}

#[monitor_runtime::with_credits(cost = 9_223_372_036_854_775_808)]
async fn too_large() -> Result<(), CreditsError> {
    Ok(())
}

#[monitor_runtime::with_credits(cost = (-5))]
async fn negative_in_parentheses() -> Result<(), CreditsError> {
    Ok(())
}

fn main() {
    drop((negative(), fractional(), text(), too_large(), negative_in_parentheses()));
}
