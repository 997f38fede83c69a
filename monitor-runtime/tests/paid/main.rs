//! Paid functions and paid routes, as a program has them: whatever becomes of a call, what the account is left with, the
//! journal and the page of metrics agree.
#![cfg(feature = "actix")]

mod calls;
mod cancelled;
mod faults;
mod http;
mod metrics;
mod support;
