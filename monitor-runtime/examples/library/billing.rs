//! A library that declares its own metrics. It registers nothing: the program that uses it does, by being linked.

use monitor_runtime::{LabelValue, instrument, metrics};

/// The values of a label. All of its series exist from the start.
#[derive(Clone, Copy, Debug, LabelValue)]
pub enum Plan {
    /// Costs nothing.
    Free,
    /// Costs something.
    Paid,
}

metrics! {
    /// Invoices sent, by plan
    pub counter INVOICES = "billing_invoices_total" { plan: Plan };
}

/// Sends an invoice.
///
/// # Errors
/// When the address has no `@`.
#[instrument(counter = INVOICES, plan = plan)]
pub fn invoice(plan: Plan, address: &str) -> Result<(), String> {
    if address.contains('@') { Ok(()) } else { Err(format!("{address:?} is not an e-mail address")) }
}
