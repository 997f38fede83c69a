//! In a crate that forbids unsafe code and every warning there is, under names like those of the expansion.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, nonstandard_style, future_incompatible, rust_2018_idioms)]
#![no_implicit_prelude]

use ::monitor_runtime as telemetry;

/// Sells.
///
/// # Errors
/// When nobody pays.
#[telemetry::with_credits(cost = call + body, crate = ::monitor_runtime)]
pub fn sell(call: u32, body: u32, value: u32, kind: u32) -> ::std::result::Result<u32, Error> {
    ::std::result::Result::Ok(call + body + value + kind)
}

/// Sells later.
///
/// # Errors
/// When nobody pays.
#[must_use = "it is paid for"]
#[telemetry::with_credits(cost = outcome, account = refused, operation = "later", crate = telemetry)]
pub async fn sell_later<'call>(
    refused: &'call str,
    outcome: u8,
    future: &'call u8,
) -> ::std::result::Result<&'call u8, Error> {
    let _ = (refused, outcome);
    ::std::future::ready(()).await;
    ::std::result::Result::Ok(future)
}

/// Why nothing was sold.
#[derive(::std::fmt::Debug)]
pub struct Error(telemetry::credits::CreditsError);

impl ::std::convert::From<telemetry::credits::CreditsError> for Error {
    fn from(error: telemetry::credits::CreditsError) -> Self {
        Error(error)
    }
}

macro_rules! sold {
    ($($item:item)*) => {$(
        #[telemetry::with_credits(cost = 1, crate = telemetry)]
        $item
    )*};
}

sold! {
    /// Made by a macro.
    fn made(number: u8) -> ::std::result::Result<u8, Error> {
        let doubled = ::std::option::Option::Some(number).ok_or(Error(telemetry::credits::CreditsError::NoHold))?;
        ::std::result::Result::Ok(doubled * 2)
    }
}

mod core {}
mod std {}

fn main() {
    let unscoped = telemetry::credits::CreditsError::NoScope;
    ::std::assert!(::std::matches!(sell(1, 2, 3, 4), ::std::result::Result::Err(error) if *error.0.why() == unscoped));
    ::std::assert!(::std::matches!(made(1), ::std::result::Result::Err(error) if *error.0.why() == unscoped));
    ::std::mem::drop(sell_later("ada", 0, &1));
    let _ = ::ui::run(sell_later("ada", 0, &1)).is_ok_and(|number| *number == 1);
}
