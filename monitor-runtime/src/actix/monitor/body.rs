//! The body of a response that is watched: passed on unchanged, and counted if it is not sent to its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::watched::Begun;
use crate::builtin::{API_RESPONSE_BODIES_CUT, API_RESPONSE_BODY};
use crate::clock;

pin_project! {
    /// The body of a response that is watched.
    pub struct MonitorBody<B> {
        #[pin]
        inner: B,
        sending: Option<Sending>,
    }
}

impl<B> std::fmt::Debug for MonitorBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonitorBody").finish_non_exhaustive()
    }
}

/// A body on its way.
struct Sending {
    begun: Begun,
    start: u64,
    left: Left,
}

/// What has to be sent yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Bytes(u64),
    Unknown,
}

impl<B> MonitorBody<B> {
    pub(super) fn new(inner: B, begun: Option<Begun>, to_head: bool, status: StatusCode) -> Self
    where
        B: MessageBody,
    {
        // Such a response has a body only in name: nobody asks for it.
        let bodiless =
            to_head || matches!(status.as_u16(), 100..=199 | 204 | 304) && status != StatusCode::SWITCHING_PROTOCOLS;
        let left = match inner.size() {
            _ if bodiless => Left::Nothing,
            BodySize::None | BodySize::Sized(0) => Left::Nothing,
            BodySize::Sized(bytes) => Left::Bytes(bytes),
            // A websocket ends when one side likes.
            BodySize::Stream if status == StatusCode::SWITCHING_PROTOCOLS => Left::Nothing,
            BodySize::Stream => Left::Unknown,
        };
        let sending = begun.map(|begun| {
            let start = if begun.times_bodies() { clock::ticks() } else { 0 };
            Sending { begun, start, left }
        });
        MonitorBody { inner, sending }
    }
}

impl<B: MessageBody> MessageBody for MonitorBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.inner.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_next(context);
        if let Some(sending) = this.sending {
            match &polled {
                Poll::Ready(None) => sending.left = Left::Nothing,
                Poll::Ready(Some(Ok(bytes))) => sending.sent(bytes.len()),
                Poll::Ready(Some(Err(_))) | Poll::Pending => {}
            }
        }
        polled
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let MonitorBody { inner, mut sending } = self;
        match inner.try_into_bytes() {
            Ok(bytes) => {
                if let Some(sending) = &mut sending {
                    sending.left = Left::Nothing;
                }
                Ok(bytes)
            }
            Err(inner) => Err(MonitorBody { inner, sending }),
        }
    }
}

impl Sending {
    fn sent(&mut self, bytes: usize) {
        if let Left::Bytes(left) = self.left {
            self.left = match left.saturating_sub(bytes as u64) {
                0 => Left::Nothing,
                left => Left::Bytes(left),
            };
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let (endpoint, method) = (self.begun.endpoint(), self.begun.method());
        if self.left != Left::Nothing {
            API_RESPONSE_BODIES_CUT.with(API_RESPONSE_BODIES_CUT { endpoint, method }).inc();
        }
        if self.begun.times_bodies() {
            let seconds = clock::seconds_since(self.start);
            API_RESPONSE_BODY.with(API_RESPONSE_BODY { endpoint, method }).observe(seconds);
        }
    }
}
