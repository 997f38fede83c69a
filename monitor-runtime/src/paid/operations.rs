//! Every paid operation of the program: what `#[with_credits]` names, wherever it stands.

use std::fmt;
use std::sync::OnceLock;

use crate::credits::{CreditsError, Operation};

/// A paid operation, as its attribute declares it.
pub struct PaidOperation {
    name: &'static str,
    cost: &'static str,
    file: &'static str,
    line: u32,
    checked: OnceLock<Result<Operation, CreditsError>>,
}

impl PaidOperation {
    #[doc(hidden)]
    pub const fn new(name: &'static str, cost: &'static str, file: &'static str, line: u32) -> Self {
        PaidOperation { name, cost, file, line, checked: OnceLock::new() }
    }

    /// What it is called: in the ledger, on the page of metrics and in a refusal.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it costs, as the program says it: `5`, or an expression over the arguments.
    #[must_use]
    pub fn cost(&self) -> &'static str {
        self.cost
    }

    /// Where it is declared: a file and a line.
    #[must_use]
    pub fn place(&self) -> (&'static str, u32) {
        (self.file, self.line)
    }

    /// The name as a ledger takes it, checked once.
    pub(super) fn operation(&self) -> Result<&Operation, CreditsError> {
        self.checked.get_or_init(|| Operation::new(self.name)).as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for PaidOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (costs {}, {}:{})", self.name, self.cost, self.file, self.line)
    }
}

/// A declared operation: found before `main`, wherever it stands.
#[doc(hidden)]
#[derive(Debug)]
pub struct Declared(pub &'static PaidOperation);

inventory::collect!(Declared);

/// Every operation that some `#[with_credits]` of the program names, by name and place: what there is to write rules,
/// prices or a page of. It is complete before the first call.
///
/// ```
/// use monitor_runtime::credits::{self, CreditsError};
///
/// #[monitor_runtime::with_credits(cost = pages * 2, operation = "export")]
/// async fn export(pages: u32) -> Result<u32, CreditsError> {
///     Ok(pages)
/// }
/// # drop(export(1));
///
/// let export = credits::operations().into_iter().find(|operation| operation.name() == "export");
/// assert_eq!(export.map(|operation| operation.cost()), Some("pages * 2"));
/// ```
#[must_use]
pub fn operations() -> Vec<&'static PaidOperation> {
    let mut all: Vec<_> = inventory::iter::<Declared>.into_iter().map(|declared| declared.0).collect();
    all.sort_by_key(|operation| (operation.name, operation.file, operation.line));
    all
}
