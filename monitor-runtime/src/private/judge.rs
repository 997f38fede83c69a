//! Which way a value says how its call ended, found by the compiler and forgotten by the program.
//!
//! An expansion asks `value(&value).way()` in a branch that is never taken: only the type of the answer is wanted. The
//! method is looked for along a chain of types, each of which dereferences to the next, so there is one candidate at
//! each; nothing is in scope by that name, and no code is made for the question.

use std::marker::PhantomData;
use std::ops::Deref;

use crate::health::{self, Trouble};
use crate::outcome::{Outcome, ToOutcome};

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

/// Tells the outcome of a value.
pub trait Judge<T: ?Sized> {
    /// The outcome.
    fn outcome(value: &T) -> Outcome;
}

/// Tells the outcome of a value in the way that was found.
#[inline]
pub fn outcome<T: ?Sized, W: Judge<T>>(_: Way<W>, value: &T) -> Outcome {
    // What the application wrote may panic, after its body is done: the body's value is kept.
    health::caught(Trouble::OutcomePanicked, || W::outcome(value)).unwrap_or(Outcome::Failure)
}

macro_rules! links {
    ($($(#[$when:meta])* $link:literal $way:ident [$($generics:tt)*] $subject:ty, $value:ident => $outcome:expr;)*) => {$(
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
            fn outcome($value: &$subject) -> Outcome {
                $outcome
            }
        }
    )*};
}

links! {
    0 BothTell [T: ToOutcome, E: ToOutcome] Result<T, E>, value => match value {
        Ok(value) => value.outcome(),
        Err(error) => error.outcome(),
    };
    #[cfg(feature = "actix")]
    1 ValueTellsErrorResponds [T: ToOutcome, E: actix_web::ResponseError] Result<T, E>, value => match value {
        Ok(value) => value.outcome(),
        Err(error) => Outcome::of_status(error.status_code().as_u16()),
    };
    2 ErrorTells [T, E: ToOutcome] Result<T, E>, value => match value {
        Ok(_) => Outcome::Success,
        Err(error) => error.outcome(),
    };
    #[cfg(feature = "actix")]
    3 ErrorResponds [T, E: actix_web::ResponseError] Result<T, E>, value => match value {
        Ok(_) => Outcome::Success,
        Err(error) => Outcome::of_status(error.status_code().as_u16()),
    };
    4 ValueTells [T: ToOutcome, E] Result<T, E>, value => match value {
        Ok(value) => value.outcome(),
        Err(_) => Outcome::Failure,
    };
    5 OkOrErr [T, E] Result<T, E>, value => match value {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    };
    6 Tells [T: ToOutcome] T, value => value.outcome();
    7 Anything [T: ?Sized] T, _value => Outcome::Success;
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
chain!(0 -> 1 1 -> 2 2 -> 3 3 -> 4 4 -> 5 5 -> 6 6 -> 7);
