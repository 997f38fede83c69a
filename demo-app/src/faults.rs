//! Faults on purpose: an endpoint that fails or is slow for a while, so that whoever watches has something to see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::rt::time::sleep;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// The endpoints that may be told to fail: none that somebody needs to put an end to it.
pub(crate) const ENDPOINTS: [&str; 5] = ["/items", "/items/{id}", "/reports", "/reports/flaky", "/forecasts"];

/// What is wrong with an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fault {
    /// It answers 500.
    Failing,
    /// It answers after a while.
    Slow,
}

/// A fault, for how long, and how bad.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switched {
    pub(crate) fault: Fault,
    pub(crate) delay: Duration,
    pub(crate) until: Instant,
}

/// What is wrong with which endpoint now; each has one fault at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<BTreeMap<&'static str, Switched>>>);

impl Faults {
    /// In the place of what was wrong with it before.
    pub(crate) fn switch_on(&self, endpoint: &'static str, switched: Switched) {
        self.lock().insert(endpoint, switched);
    }

    pub(crate) fn switch_all_off(&self) {
        self.lock().clear();
    }

    /// What is wrong now, in the order of the endpoints.
    pub(crate) fn now(&self, now: Instant) -> Vec<(&'static str, Switched)> {
        let mut all = self.lock();
        all.retain(|_, switched| switched.until > now);
        all.iter().map(|(endpoint, switched)| (*endpoint, *switched)).collect()
    }

    fn of(&self, endpoint: &str, now: Instant) -> Option<Switched> {
        self.lock().get(endpoint).copied().filter(|switched| switched.until > now)
    }

    /// A panic elsewhere leaves the map whole: every change to it is one call.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Switched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a request suffer what is wrong with its endpoint.
pub(crate) async fn suffer(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let switched = request.app_data::<Data<Faults>>().and_then(|faults| {
        // The list is short and mostly empty; the pattern has to be looked for.
        if faults.lock().is_empty() { None } else { faults.of(&request.match_pattern()?, Instant::now()) }
    });
    match switched {
        Some(Switched { fault: Fault::Failing, .. }) => return Err(Problem::SwitchedToFail.into()),
        Some(Switched { fault: Fault::Slow, delay, .. }) => sleep(delay).await,
        None => {}
    }
    next.call(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_over_when_its_time_is() {
        let (faults, now) = (Faults::default(), Instant::now());
        let second = Duration::from_secs(1);
        let switched = |fault, seconds| Switched { fault, delay: second, until: now + second * seconds };
        faults.switch_on("/items", switched(Fault::Slow, 5));
        faults.switch_on("/items", switched(Fault::Failing, 3));
        faults.switch_on("/reports", switched(Fault::Slow, 2));
        let fault = |endpoint, seconds| faults.of(endpoint, now + second * seconds).map(|switched| switched.fault);
        assert_eq!(fault("/items", 2), Some(Fault::Failing), "the later takes the place of the earlier");
        assert_eq!(fault("/items", 3), None);
        assert_eq!(fault("/login", 0), None);
        assert_eq!(faults.now(now + second * 2).len(), 1);
        faults.switch_all_off();
        assert!(faults.now(now).is_empty());
    }
}
