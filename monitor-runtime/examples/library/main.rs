//! A program that uses an instrumented library: the library's families are on its page without a line of code here.
//!
//!     cargo run -p monitor-runtime --example library

#[expect(unreachable_pub, reason = "a crate of its own in a real program, and then public")]
mod billing;

use billing::{Plan, invoice};
use monitor_runtime::{RegisterErrors, register, sample_value};

fn main() -> Result<(), RegisterErrors> {
    // Optional, but it finds at start, not at the first scrape, that two libraries declare one name differently.
    register()?;
    assert_eq!(sample_value("billing_invoices_total", &[("plan", "free")]), Some(0.0), "there before its first use");

    let sent = [invoice(Plan::Paid, "ada@example.org"), invoice(Plan::Free, "nowhere")];
    println!("{sent:?}");
    assert_eq!(sample_value("billing_invoices_total", &[("plan", "paid")]), Some(1.0));
    assert_eq!(sample_value("billing_invoices_total", &[("plan", "free")]), Some(0.0));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs_to_its_end() {
        super::main().expect("one shape for each name");
    }
}
