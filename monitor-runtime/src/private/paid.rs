//! What `#[with_credits]` expands to.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

pub use crate::paid::{Declared, PaidCall, PaidOperation, Running};

use crate::credits::{AccountId, Credits, CreditsError, Key};
use crate::outcome::Verdict;
use crate::paid::{AsCredits, Cost, IdempotencyKey, Payer, Refusal};

/// A cost, blamed where it is written when it is none.
pub fn cost<C: Cost>(cost: C) -> Result<i64, CreditsError> {
    cost.credits()
}

/// The same of an account.
pub fn account(account: &impl Payer) -> Result<Option<AccountId>, CreditsError> {
    account.account()
}

/// The same of a ledger.
pub fn ledger(ledger: &impl AsCredits) -> &Credits {
    ledger.as_credits()
}

/// The same of a key.
pub fn key(key: &impl IdempotencyKey) -> Result<Option<Key>, CreditsError> {
    key.key()
}

/// What a refused call returns.
pub fn refuse<T: Refusal>(error: CreditsError) -> T {
    T::refused(error)
}

/// Where a paid function stands in a program as clippy is shown it, without its price.
///
/// # Panics
/// Always: work would be done unpaid.
pub fn never_unpaid() {
    panic!("a paid function cannot run in a program that clippy built: clippy is shown it without its price")
}

/// How a function that is not `async` gives its value, found by its declared type.
pub mod kind {
    use super::{AsLocalBox, AsSendBox, AsValue, Future, PhantomData, Pin};

    /// What is asked.
    #[derive(Debug)]
    pub struct Kind<T>(pub PhantomData<T>);

    macro_rules! levels {
        ($($level:ident $kind:ident [$($generics:tt)*] $subject:ty;)*) => {$(
            #[doc(hidden)]
            pub trait $level {
                fn kind(&self) -> $kind {
                    $kind
                }
            }

            impl<$($generics)*> $level for $subject {}
        )*};
    }

    levels! {
        IsSendBox AsSendBox ['a, T] &&Kind<Pin<Box<dyn Future<Output = T> + Send + 'a>>>;
        IsLocalBox AsLocalBox ['a, T] &Kind<Pin<Box<dyn Future<Output = T> + 'a>>>;
        IsValue AsValue [T] Kind<T>;
    }
}

/// A boxed future that may cross threads.
#[derive(Debug)]
pub struct AsSendBox;
/// A boxed future that stays on its thread.
#[derive(Debug)]
pub struct AsLocalBox;
/// A future behind `impl Future`.
#[derive(Debug)]
pub struct AsFuture;
/// Any other value: the thread waits for the ledger.
#[derive(Debug)]
pub struct AsValue;

impl AsSendBox {
    /// Holds, runs and settles when the future is polled.
    pub fn run<'a, T: Refusal + Send + 'a>(
        self,
        call: PaidCall,
        body: impl FnOnce() -> Pin<Box<dyn Future<Output = T> + Send + 'a>> + Send + 'a,
        judge: impl FnOnce(&T) -> Verdict + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
        Box::pin(paid(call, body, judge))
    }
}

impl AsLocalBox {
    /// The same.
    pub fn run<'a, T: Refusal + 'a>(
        self,
        call: PaidCall,
        body: impl FnOnce() -> Pin<Box<dyn Future<Output = T> + 'a>> + 'a,
        judge: impl FnOnce(&T) -> Verdict + 'a,
    ) -> Pin<Box<dyn Future<Output = T> + 'a>> {
        Box::pin(paid(call, body, judge))
    }
}

impl AsFuture {
    /// The same.
    pub fn run<F: Future<Output: Refusal>>(
        self,
        call: PaidCall,
        body: impl FnOnce() -> F,
        judge: impl FnOnce(&F::Output) -> Verdict,
    ) -> impl Future<Output = F::Output> {
        paid(call, body, judge)
    }
}

impl AsValue {
    /// Holds, runs and settles now.
    pub fn run<T: Refusal>(self, call: PaidCall, body: impl FnOnce() -> T, judge: impl FnOnce(&T) -> Verdict) -> T {
        let call = match call.hold_blocking() {
            Ok(call) => call,
            Err(refused) => return T::refused(refused),
        };
        let value = call.run(body);
        call.settle_blocking(judge(&value));
        value
    }
}

async fn paid<F: Future<Output: Refusal>>(
    call: PaidCall,
    body: impl FnOnce() -> F,
    judge: impl FnOnce(&F::Output) -> Verdict,
) -> F::Output {
    let call = match call.hold().await {
        Ok(call) => call,
        Err(refused) => return F::Output::refused(refused),
    };
    let future = call.run(body);
    let value = call.around(future).await;
    let outcome = judge(&value);
    call.settle(outcome).await;
    value
}
