//! The body of a request that is watched: passed on unchanged, and the time that is spent waiting for its client counted.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_core::Stream;

use crate::clock;

/// How long the handler of a request has waited for the request's body.
#[derive(Debug, Default)]
pub(super) struct Waited {
    seconds: Cell<f64>,
    /// Since when it waits; `None` while it does not.
    since: Cell<Option<u64>>,
}

impl Waited {
    /// Follows the body of a request, if there is one that may have to be waited for.
    #[inline]
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Rc<Waited>> {
        match request.parts_mut().1 {
            Payload::None => None,
            payload => Some(Waited::follow(payload)),
        }
    }

    #[cold]
    fn follow(payload: &mut Payload) -> Rc<Waited> {
        let waited = Rc::<Waited>::default();
        let inner = std::mem::replace(payload, Payload::None);
        *payload = Payload::Stream { payload: Box::pin(Upload { inner, waited: Rc::clone(&waited) }) };
        waited
    }

    /// The seconds until now.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds.get() + self.since.get().map_or(0.0, clock::seconds_since)
    }
}

struct Upload {
    inner: Payload,
    waited: Rc<Waited>,
}

impl Stream for Upload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.inner).poll_next(context);
        let Waited { seconds, since } = &*self.waited;
        match (since.get(), polled.is_pending()) {
            (None, true) => since.set(Some(clock::ticks())),
            (Some(start), false) => {
                seconds.set(seconds.get() + clock::seconds_since(start));
                since.set(None);
            }
            (Some(_), true) | (None, false) => {}
        }
        polled
    }
}

impl Drop for Upload {
    /// Nobody waits for it any longer.
    fn drop(&mut self) {
        let Waited { seconds, since } = &*self.waited;
        if let Some(start) = since.take() {
            seconds.set(seconds.get() + clock::seconds_since(start));
        }
    }
}
