//! Random text that nobody can guess: tokens, session keys, passwords of simulated users.

use std::fmt::Write;

use crate::problem::Problem;

/// 256 random bits in hexadecimal.
pub(crate) fn hexadecimal() -> Result<String, Problem> {
    Ok(written(&bytes::<32>()?))
}

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Problem::NoRandom)?;
    Ok(bytes)
}

/// Bytes in hexadecimal.
pub(crate) fn written(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
