//! Faults on purpose: an endpoint that fails or is slow for a while, or that simulated users crowd or leave alone, so
//! that whoever watches has something to see.

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
    /// Simulated users ask for it many times as often.
    Crowded,
    /// Simulated users do not ask for it.
    Deserted,
}

impl Fault {
    /// Whether it is of those who ask, and not of what they are answered.
    pub(crate) fn is_of_traffic(self) -> bool {
        matches!(self, Fault::Crowded | Fault::Deserted)
    }
}

/// A fault, for how long, and how bad.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switched {
    pub(crate) fault: Fault,
    pub(crate) delay: Duration,
    pub(crate) until: Instant,
}

/// What is wrong with which endpoint now; each has one fault of its answers and one of its traffic at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<BTreeMap<Key, Switched>>>);

/// An endpoint, and whether the fault is of its traffic.
type Key = (&'static str, bool);

impl Faults {
    /// In the place of what was wrong with it before.
    pub(crate) fn switch_on(&self, endpoint: &'static str, switched: Switched) {
        self.lock().insert((endpoint, switched.fault.is_of_traffic()), switched);
    }

    pub(crate) fn switch_all_off(&self) {
        self.lock().clear();
    }

    /// What is wrong now, in the order of the endpoints.
    pub(crate) fn now(&self, now: Instant) -> Vec<(&'static str, Switched)> {
        let mut all = self.lock();
        all.retain(|_, switched| switched.until > now);
        all.iter().map(|((endpoint, _), switched)| (*endpoint, *switched)).collect()
    }

    /// Whether simulated users crowd an endpoint, or leave it alone.
    pub(crate) fn of_traffic(&self, endpoint: &'static str, now: Instant) -> Option<Fault> {
        self.of((endpoint, true), now).map(|switched| switched.fault)
    }

    fn of(&self, key: Key, now: Instant) -> Option<Switched> {
        self.lock().get(&key).copied().filter(|switched| switched.until > now)
    }

    /// A panic elsewhere leaves the map whole: every change to it is one call.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Switched>> {
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
        if faults.lock().is_empty() {
            return None;
        }
        let pattern = request.match_pattern()?;
        let endpoint = ENDPOINTS.into_iter().find(|endpoint| *endpoint == pattern)?;
        faults.of((endpoint, false), Instant::now())
    });
    match switched {
        Some(Switched { fault: Fault::Failing, .. }) => return Err(Problem::SwitchedToFail.into()),
        Some(Switched { fault: Fault::Slow, delay, .. }) => sleep(delay).await,
        _ => {}
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
        let fault =
            |endpoint, seconds| faults.of((endpoint, false), now + second * seconds).map(|switched| switched.fault);
        assert_eq!(fault("/items", 2), Some(Fault::Failing), "the later takes the place of the earlier");
        assert_eq!(fault("/items", 3), None);
        assert_eq!(fault("/login", 0), None);
        assert_eq!(faults.now(now + second * 2).len(), 1);
        faults.switch_on("/items", switched(Fault::Crowded, 4));
        assert_eq!(fault("/items", 2), Some(Fault::Failing), "who asks is another matter than what is answered");
        assert_eq!(faults.of_traffic("/items", now + second * 3), Some(Fault::Crowded));
        assert_eq!(faults.of_traffic("/reports", now), None);
        faults.switch_all_off();
        assert!(faults.now(now).is_empty());
    }
}
