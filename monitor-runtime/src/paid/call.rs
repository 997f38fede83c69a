//! One paid call: what is asked, what is held, and how it ends.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::families::{self, UNPAID};
use super::operations::PaidOperation;
use crate::charge::Charge;
use crate::clock;
use crate::credits::{AccountId, Credits, CreditsError, Held, Holding, Key, Operation, Refused, Settled, Settling};
use crate::outcome::Outcome;
use crate::scope::{self, InScope, Scope};

/// A paid call that is asked for: nothing is held yet. What is not said, the current scope says.
#[must_use = "nothing is held yet"]
pub struct PaidCall {
    name: Name,
    cost: Result<i64, CreditsError>,
    payer: Option<Result<Option<AccountId>, CreditsError>>,
    ledger: Option<Credits>,
    key: Option<Result<Option<Key>, CreditsError>>,
    served_when_down: bool,
}

/// What a call pays for.
pub(crate) enum Name {
    Declared(&'static PaidOperation),
    #[cfg(feature = "actix")]
    Given(Result<Operation, CreditsError>),
}

impl Name {
    fn operation(&self) -> Result<&Operation, CreditsError> {
        match self {
            Name::Declared(operation) => operation.operation(),
            #[cfg(feature = "actix")]
            Name::Given(operation) => operation.as_ref().map_err(Clone::clone),
        }
    }
}

impl PaidCall {
    /// A call of a declared operation.
    pub fn new(operation: &'static PaidOperation, cost: Result<i64, CreditsError>) -> PaidCall {
        PaidCall::named(Name::Declared(operation), cost)
    }

    pub(crate) fn named(name: Name, cost: Result<i64, CreditsError>) -> PaidCall {
        PaidCall { name, cost, payer: None, ledger: None, key: None, served_when_down: false }
    }

    /// Another account pays than the scope's.
    pub fn account(mut self, payer: Result<Option<AccountId>, CreditsError>) -> PaidCall {
        self.payer = Some(payer);
        self
    }

    /// From another ledger than the scope's.
    pub fn ledger(mut self, ledger: &Credits) -> PaidCall {
        self.ledger = Some(ledger.clone());
        self
    }

    /// With another key than the request's.
    pub fn key(mut self, key: Result<Option<Key>, CreditsError>) -> PaidCall {
        self.key = Some(key);
        self
    }

    /// While the store does not answer, the call is served unpaid, and counted as such.
    pub fn served_when_down(mut self) -> PaidCall {
        self.served_when_down = true;
        self
    }

    /// Holds the credits; the body may begin when they are held for good.
    ///
    /// # Errors
    /// Why the call is refused.
    pub async fn hold(self) -> Result<Running, CreditsError> {
        let mut asked = self.ask()?;
        let held = match asked.holding.take() {
            Some(holding) => Some(holding.await),
            None => None,
        };
        asked.begin(held)
    }

    /// The same, for a thread that may wait.
    ///
    /// # Errors
    /// Why the call is refused.
    pub fn hold_blocking(self) -> Result<Running, CreditsError> {
        let mut asked = self.ask()?;
        let held = asked.holding.take().map(Holding::wait);
        asked.begin(held)
    }

    /// Finds out who pays what from where, and asks the ledger.
    fn ask(self) -> Result<Asked, CreditsError> {
        let start = clock::ticks();
        let operation = self.name.operation()?.clone();
        let scope = scope::current();
        let mut asked = Asked {
            operation,
            scope,
            amount: 0,
            holding: None,
            own_account: true,
            served_when_down: self.served_when_down,
            start,
        };
        match self.holding(&mut asked) {
            Ok(holding) => Ok(Asked { holding, ..asked }),
            Err(why) => Err(asked.refused(why)),
        }
    }

    /// The hold that is asked for; of what costs nothing none.
    fn holding(self, asked: &mut Asked) -> Result<Option<Holding>, CreditsError> {
        let amount = self.cost?;
        asked.amount = amount;
        let Asked { operation, scope, own_account, .. } = asked;
        if amount == 0 {
            return Ok(None);
        }
        let own = scope.account();
        let account = match self.payer {
            Some(payer) => payer?,
            None => own.map(AccountId::new).transpose()?,
        };
        let account = account.ok_or(CreditsError::NoAccount)?;
        // Outside of any scope the program alone says whose call it is.
        *own_account = own.is_none_or(|own| own == account.as_str());
        let ledger = self.ledger.as_ref().or(scope.credits()).ok_or(CreditsError::NoLedger)?;
        let key = match self.key {
            Some(key) => key?,
            None => scope.next_key(operation.as_str()).map(Key::new).transpose()?,
        };
        Ok(Some(ledger.hold_once(&account, operation, amount, key)))
    }
}

impl fmt::Debug for PaidCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaidCall").field("cost", &self.cost).finish_non_exhaustive()
    }
}

/// A call whose hold the ledger is asked for.
struct Asked {
    operation: Operation,
    scope: Scope,
    amount: i64,
    holding: Option<Holding>,
    /// Whether the account that pays is the scope's.
    own_account: bool,
    served_when_down: bool,
    start: u64,
}

impl Asked {
    fn begin(self, held: Option<Result<Held, CreditsError>>) -> Result<Running, CreditsError> {
        let held = match held {
            None => None,
            Some(Ok(held)) => Some(held),
            Some(Err(error)) if self.served_when_down && error.is_unavailable() => {
                UNPAID.with(UNPAID { operation: self.operation.as_str() }).inc();
                let (account, request) = (self.scope.account(), self.scope.request_id());
                tracing::warn!(operation = %self.operation, account, request, %error, "served unpaid");
                None
            }
            Some(Err(error)) => return Err(self.refused(error)),
        };
        let Asked { operation, scope, amount, own_account, start, .. } = self;
        let charge = Arc::new(Charge::new(amount));
        let within = scope.clone().charging(charge.clone());
        Ok(Running { operation, held, charge, scope, own_account, within, start })
    }

    fn refused(self, why: CreditsError) -> CreditsError {
        families::refused(&self.operation, &why);
        let Asked { operation, amount: required, own_account, .. } = self;
        CreditsError::Refused(Box::new(Refused { operation, required, own_account, why }))
    }
}

/// A paid call whose body may run. Dropped, it gives back what is held.
#[derive(Debug)]
#[must_use = "what is held is given back when this is dropped"]
pub struct Running {
    operation: Operation,
    /// None when nothing is held: the call costs nothing, is served unpaid, or is settled.
    held: Option<Held>,
    charge: Arc<Charge>,
    /// Where the call was made.
    scope: Scope,
    own_account: bool,
    /// Where its body runs.
    within: Scope,
    start: u64,
}

impl Running {
    /// The body, run in the call's scope.
    pub fn around<F: Future>(&self, body: F) -> InScope<F> {
        self.within.clone().around(body)
    }

    /// The same for a body that is no future.
    pub fn run<T>(&self, body: impl FnOnce() -> T) -> T {
        self.within.run(body)
    }

    /// The body has returned. When this is ready, a capture is durable, or the ledger's keeper has it in hand; and what a
    /// call held that failed is back, or will be when the ledger answers again.
    pub async fn settle(mut self, outcome: Outcome) {
        if let Some(settling) = self.capture(outcome) {
            let settled = settling.await;
            self.receipt(settled);
        }
    }

    /// The same, for a thread that may wait.
    pub fn settle_blocking(mut self, outcome: Outcome) {
        if let Some(settling) = self.capture(outcome) {
            let settled = settling.wait();
            self.receipt(settled);
        }
    }

    /// What is held is captured, or as much as was charged; or it is given back.
    fn capture(&mut self, outcome: Outcome) -> Option<Settling> {
        let amount = self.charge.settle();
        let held = self.held.take()?;
        if outcome == Outcome::Success && amount > 0 {
            return Some(held.capture_part(amount));
        }
        Some(held.void())
    }

    /// The body has succeeded, so its value is returned whatever becomes of the capture; the keeper tells of a loss.
    fn receipt(&self, settled: Result<Settled, CreditsError>) {
        if let (true, Some(receipt), Ok(Settled { captured: Some(captured), .. })) =
            (self.own_account, self.scope.charged(), settled)
        {
            receipt.add(captured.amount, captured.balance.available);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.charge.settle();
        families::ran(&self.operation, self.start);
    }
}
