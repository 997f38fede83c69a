//! One paid call: what is asked, what is held, and how it ends.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::families::{self, UNPAID};
use super::operations::PaidOperation;
use crate::charge::Charge;
use crate::clock;
use crate::credits::{AccountId, Credits, CreditsError, Held, Holding, Key, Operation, Refused, Settled, Settling};
use crate::open_calls::{OpenCall, Settles};
use crate::outcome::{Outcome, Verdict};
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
    paid_when_dropped: bool,
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
        PaidCall { name, cost, payer: None, ledger: None, key: None, served_when_down: false, paid_when_dropped: false }
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

    /// A call that is dropped after its body has begun is paid, because the work goes on without it.
    pub fn paid_when_dropped(mut self) -> PaidCall {
        self.paid_when_dropped = true;
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
            paid_when_dropped: self.paid_when_dropped,
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
            None if !scope.is_entered() => return Err(CreditsError::NoScope),
            None => own.map(AccountId::new).transpose()?,
        };
        let account = account.ok_or(CreditsError::NoAccount)?;
        // Outside of any scope the program alone says whose call it is.
        *own_account = own.is_none_or(|own| own == account.as_str());
        let ledger = self.ledger.as_ref().or(scope.credits());
        let ledger = match ledger {
            Some(ledger) => ledger,
            None if !scope.is_entered() => return Err(CreditsError::NoScope),
            None => return Err(CreditsError::NoLedger),
        };
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
    paid_when_dropped: bool,
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
        let Asked { operation, scope, amount, own_account, paid_when_dropped, start, .. } = self;
        let charge = Arc::new(Charge::new(amount));
        let within = scope.clone().charging(charge.clone());
        Ok(Running { operation, held, charge, scope, own_account, paid_when_dropped, within, start })
    }

    fn refused(self, why: CreditsError) -> CreditsError {
        families::refused(&self.operation, &why);
        let Asked { operation, amount: required, own_account, .. } = self;
        CreditsError::Refused(Box::new(Refused { operation, required, own_account, why }))
    }
}

/// A paid call whose body may run. Dropped, it gives back what is held, unless it is paid then too.
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
    paid_when_dropped: bool,
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
    /// call held that failed is back, or will be when the ledger answers again. What the answer of the request decides is
    /// left to it.
    pub async fn settle(self, verdict: impl Into<Verdict>) {
        let Some((mut call, outcome)) = self.or_left_open(verdict.into()) else { return };
        if let Some(settling) = call.capture(outcome) {
            let settled = settling.await;
            call.receipt(settled);
        }
    }

    /// The same, for a thread that may wait.
    pub fn settle_blocking(self, verdict: impl Into<Verdict>) {
        let Some((mut call, outcome)) = self.or_left_open(verdict.into()) else { return };
        if let Some(settling) = call.capture(outcome) {
            let settled = settling.wait();
            call.receipt(settled);
        }
    }

    /// The call and how it ended; `None` where that is left to the answer of the request, which may be a failure yet.
    fn or_left_open(self, verdict: Verdict) -> Option<(Running, Outcome)> {
        // A request with a key is paid as a whole: a step that was paid alone would refuse the request that is sent again
        // because another step failed.
        let verdict = match verdict {
            Verdict::Ended(outcome) if self.scope.has_key() => Verdict::Answer(outcome),
            verdict => verdict,
        };
        let outcome = verdict.alone();
        let open = !matches!(verdict, Verdict::Ended(_)) && outcome == Outcome::Success && self.held.is_some();
        let Some(end) = self.scope.end().filter(|_| open).cloned() else { return Some((self, outcome)) };
        // What is captured is fixed when the body has returned.
        self.charge.settle();
        let left = end.open.leave(Box::new(Left { call: self, verdict }));
        left.err().map(|left| (left.call, outcome))
    }

    /// What is held is captured, or as much as was charged; or it is given back.
    fn capture(&mut self, outcome: Outcome) -> Option<Settling> {
        let amount = self.charge.settle();
        let held = self.held.take()?;
        if outcome == Outcome::Success && amount > 0 {
            if let Some(end) = self.scope.end() {
                end.receipt.captures(&self.operation);
            }
            return Some(held.capture_part(amount));
        }
        Some(held.void())
    }

    /// The body has succeeded, so its value is returned whatever becomes of the capture; the keeper tells of a loss.
    fn receipt(&self, settled: Result<Settled, CreditsError>) {
        if let (true, Some(end), Ok(Settled { captured: Some(captured), .. })) =
            (self.own_account, self.scope.end(), settled)
        {
            end.receipt.add(captured.amount, captured.balance.available);
        }
    }
}

impl Running {
    /// The call was dropped before it ended: its client left, or it took too long. A panic is no such thing.
    #[cold]
    fn dropped(&self, held: Held, amount: i64) {
        if std::thread::panicking() {
            // Not waited for: the ledger's keeper sees to it, here and below.
            return drop(held);
        }
        let paid = self.paid_when_dropped && amount > 0;
        families::abandoned(&self.operation, paid);
        if paid {
            drop(held.capture_part(amount));
        } else {
            drop(held);
        }
    }
}

/// A call that is left to the answer of its request.
struct Left {
    call: Running,
    verdict: Verdict,
}

impl OpenCall for Left {
    fn answered(self: Box<Self>, outcome: Outcome) -> Option<Settles> {
        let Left { mut call, verdict } = *self;
        let settling = call.capture(verdict.answered(outcome))?;
        Some(Box::pin(async move {
            let settled = settling.await;
            call.receipt(settled);
        }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let amount = self.charge.settle();
        if let Some(held) = self.held.take() {
            self.dropped(held, amount);
        }
        families::ran(&self.operation, self.start);
    }
}
