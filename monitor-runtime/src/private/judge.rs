//! Which way a value says how its call ended, found by the compiler and forgotten by the program.
//!
//! An expansion asks `value(&value).way()` in a branch that is never taken: only the type of the answer is wanted. The
//! method is looked for along a chain of types, each of which dereferences to the next, so there is one candidate at
//! each; nothing is in scope by that name, and no code is made for the question.

use std::marker::PhantomData;
use std::ops::Deref;

#[cfg(feature = "actix")]
use actix_web::{Responder, ResponseError};

#[cfg(feature = "actix")]
use crate::actix::of_response_error;
use crate::outcome::{BeginsWithStatus, Outcome, ToOutcome, ToVerdict, Verdict};

/// A way that was found; as a value, it is what the other branch gives, which is taken.
pub use std::marker::PhantomData as Way;

/// Makes a closure `FnOnce` to the compiler before it looks inside: a bare `(move || ..)()` would be inferred `FnMut`,
/// which may not give out what it captured by reference.
#[derive(Debug)]
pub struct Once<R, F: FnOnce() -> R>(pub F, pub PhantomData<R>);

/// What a future is declared to give, beside the future that a body makes.
#[derive(Debug)]
pub struct Given<const LINK: usize, T, R>(PhantomData<(T, R)>);

/// Says what the future that a body makes is declared to give, so that nothing is asked of it which the body left open.
/// Of one that gives something else it says nothing: there rustc has an error for the body.
pub fn given<T, R, F: FnOnce() -> R>(_: &Once<R, F>) -> Given<0, T, R> {
    Given(PhantomData)
}

impl<T, R: Future<Output = T>> Given<0, T, R> {
    #[doc(hidden)]
    pub fn say(&self) {}
}

impl<T, R> Given<1, T, R> {
    #[doc(hidden)]
    pub fn say(&self) {}
}

impl<T, R> Deref for Given<0, T, R> {
    type Target = Given<1, T, R>;

    fn deref(&self) -> &Self::Target {
        &Given(PhantomData)
    }
}

/// The question at one link of the chain, whose type is `T`.
#[derive(Debug)]
pub struct Asked<const LINK: usize, T: ?Sized>(PhantomData<T>);

/// Asks about a value.
pub fn value<T: ?Sized>(_: &T) -> Asked<0, T> {
    Asked(PhantomData)
}

/// Asks about values of a type.
pub fn of<T>() -> Asked<0, T> {
    Asked(PhantomData)
}

/// Asks about what a body will give.
pub fn body<T, F: FnOnce() -> T>(_: &Once<T, F>) -> Asked<0, T> {
    Asked(PhantomData)
}

/// Tells how the call ended that gave a value, as far as the value says it.
pub trait Judge<T: ?Sized> {
    /// What the value says.
    fn verdict(value: &T) -> Verdict;
}

/// What a value says in the way that was found.
#[inline]
pub fn outcome<T: ?Sized, W: Judge<T>>(_: Way<W>, value: &T) -> Verdict {
    W::verdict(value)
}

/// What an error says that says nothing of itself.
#[inline]
fn failed<E>(_: &E) -> Verdict {
    Verdict::Ended(Outcome::Failure)
}

/// What a value says that becomes an answer of any status.
#[cfg(feature = "actix")]
#[inline]
fn becomes_answer<T>(_: &T) -> Verdict {
    Verdict::Open(Outcome::Success)
}

/// What a value says that says nothing of itself.
#[inline]
fn succeeded<T: ?Sized>(_: &T) -> Verdict {
    Verdict::Ended(Outcome::Success)
}

/// What the inner one of two results says, of which nothing else is known.
#[inline]
fn of_variant<T, E>(value: &Result<T, E>) -> Verdict {
    Verdict::Ended(if value.is_ok() { Outcome::Success } else { Outcome::Failure })
}

macro_rules! links {
    ($($(#[$when:meta])* $link:literal $way:ident [$($generics:tt)*] $subject:ty, $value:ident => $verdict:expr;)*) => {$(
        $(#[$when])*
        #[doc(hidden)]
        #[derive(Debug)]
        pub struct $way;

        $(#[$when])*
        impl<$($generics)*> Asked<$link, $subject> {
            #[doc(hidden)]
            pub fn way(&self) -> Way<$way> {
                PhantomData
            }
        }

        $(#[$when])*
        impl<$($generics)*> Judge<$subject> for $way {
            #[inline]
            fn verdict($value: &$subject) -> Verdict {
                $verdict
            }
        }
    )*};
}

/// What a result says, by a function for each of its sides.
macro_rules! sides {
    ($result:ident, $ok:path, $err:path) => {
        match $result {
            Ok(value) => $ok(value),
            Err(error) => $err(error),
        }
    };
}

links! {
    0 BothTell [T: ToVerdict, E: ToOutcome] Result<T, E>, value => sides!(value, T::verdict, E::error_verdict);
    #[cfg(feature = "actix")]
    1 ValueTellsErrorResponds [T: ToVerdict, E: ResponseError] Result<T, E>, value => sides!(value, T::verdict, of_response_error);
    2 ValueTells [T: ToVerdict, E] Result<T, E>, value => sides!(value, T::verdict, failed);
    3 StatusAndErrorTell [T: BeginsWithStatus, E: ToOutcome] Result<T, E>, value => sides!(value, T::status, E::error_verdict);
    4 StatusTells [T: BeginsWithStatus, E] Result<T, E>, value => sides!(value, T::status, failed);
    #[cfg(feature = "actix")]
    5 ValueRespondsErrorTells [T: Responder, E: ToOutcome] Result<T, E>, value => sides!(value, becomes_answer, E::error_verdict);
    #[cfg(feature = "actix")]
    6 BothRespond [T: Responder, E: ResponseError] Result<T, E>, value => sides!(value, becomes_answer, of_response_error);
    #[cfg(feature = "actix")]
    7 ValueResponds [T: Responder, E] Result<T, E>, value => sides!(value, becomes_answer, failed);
    8 ResultWithinErrorTells [T, I, E: ToOutcome] Result<Result<T, I>, E>, value => sides!(value, of_variant, E::error_verdict);
    #[cfg(feature = "actix")]
    9 ResultWithinErrorResponds [T, I, E: ResponseError] Result<Result<T, I>, E>, value => sides!(value, of_variant, of_response_error);
    10 ResultWithin [T, I, E] Result<Result<T, I>, E>, value => sides!(value, of_variant, failed);
    11 ErrorTells [T, E: ToOutcome] Result<T, E>, value => sides!(value, succeeded, E::error_verdict);
    #[cfg(feature = "actix")]
    12 ErrorResponds [T, E: ResponseError] Result<T, E>, value => sides!(value, succeeded, of_response_error);
    13 OkOrErr [T, E] Result<T, E>, value => of_variant(value);
    14 Tells [T: ToVerdict] T, value => T::verdict(value);
    15 BeginsWithItsStatus [T: BeginsWithStatus] T, value => T::status(value);
    #[cfg(feature = "actix")]
    16 Responds [T: Responder] T, value => becomes_answer(value);
    17 Anything [T: ?Sized] T, value => succeeded(value);
}

macro_rules! chain {
    ($($link:literal -> $next:literal)*) => {$(
        impl<T: ?Sized> Deref for Asked<$link, T> {
            type Target = Asked<$next, T>;

            fn deref(&self) -> &Self::Target {
                &Asked(PhantomData)
            }
        }
    )*};
}
chain! {
    0 -> 1 1 -> 2 2 -> 3 3 -> 4 4 -> 5 5 -> 6 6 -> 7 7 -> 8 8 -> 9 9 -> 10 10 -> 11 11 -> 12 12 -> 13 13 -> 14 14 -> 15
    15 -> 16 16 -> 17
}
