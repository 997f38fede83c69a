//! The ledger without a web framework: grant, hold, capture, part of a hold, and what happens when work fails.
//!
//!     cargo run -p monitor-runtime --features sqlite --example credits

use std::error::Error;
use std::time::Duration;

use monitor_runtime::credits::{self, AccountId, Credits, CreditsError, Grant, Key, Sqlite};
use monitor_runtime::scope::Scope;
use monitor_runtime::with_credits;

/// Holds 50 credits and captures one for each word.
#[with_credits(cost = 50, operation = "answer")]
fn answer(question: &str) -> Result<String, CreditsError> {
    let words = question.split_whitespace().count();
    credits::charge(words as i64)?;
    Ok(format!("{words} words"))
}

/// Fails after its credits are held: they are given back.
#[with_credits(cost = 5, operation = "translate")]
fn translate(text: &str) -> Result<String, Box<dyn Error>> {
    Err(format!("no dictionary for {text:?}").into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::temp_dir().join(format!("monitor-credits-example-{}.db", std::process::id()));
    let credits = Credits::new(Sqlite::open(&file)?);
    let ada = AccountId::new("ada")?;

    // The key makes the grant happen once, however often this line runs.
    credits.grant(Grant::once(ada.clone(), 60, Key::new("sign-up")?)).wait()?;
    credits.grant(Grant::once(ada.clone(), 60, Key::new("sign-up")?)).wait()?;
    assert_eq!(credits.balance(ada.clone()).wait()?.available, 60);

    // The scope says who pays, and from which ledger.
    let scope = Scope::of("ada").ledger(credits.clone());
    assert_eq!(scope.run(|| answer("how long is a piece of string"))?, "7 words");
    assert_eq!(credits.balance(ada.clone()).wait()?.available, 53);

    assert!(scope.run(|| translate("???")).is_err());
    assert_eq!(credits.balance(ada.clone()).wait()?.available, 53);

    for entry in credits.history(ada.clone(), None, 10).wait()?.entries {
        println!("{:>4} {:<8} {:>4} available, {:>4} held", entry.number, entry.kind, entry.available, entry.held);
    }
    assert!(credits.verify().wait()?.violations.is_empty());

    // Settles what is left and closes the file.
    assert_eq!(credits.shutdown(Duration::from_secs(5)).wait()?, 0);
    drop(credits);
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs_to_its_end() {
        super::main().expect("every step of the example holds");
    }
}
