//! Paid work in an actix-web service: [`on_behalf`] knows whose request it is, [`route`] makes a route a paid one,
//! [`refusal`] is what a refused request is answered.

mod on_behalf;
mod refusal;
mod route;

pub use on_behalf::{OnBehalf, OnBehalfFuture, OnBehalfService};
pub use route::{PaidRoute, PaidRouteService};
