//! The body of a response that is watched: passed on unchanged, and counted if it is not sent to its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::watched::{Left, Watched};

pin_project! {
    /// The body of a response that is watched.
    pub struct MonitorBody<B> {
        #[pin]
        inner: B,
        watched: Option<Watched>,
    }
}

impl<B> std::fmt::Debug for MonitorBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonitorBody").finish_non_exhaustive()
    }
}

/// What has to be sent of a response's body.
pub(super) fn left_of(body: &impl MessageBody, to_head: bool, status: StatusCode) -> Left {
    // Such a response has a body only in name: nobody asks for it.
    let bodiless =
        to_head || matches!(status.as_u16(), 100..=199 | 204 | 304) && status != StatusCode::SWITCHING_PROTOCOLS;
    match body.size() {
        _ if bodiless => Left::NOTHING,
        BodySize::None => Left::NOTHING,
        BodySize::Sized(bytes) => Left(bytes),
        // A websocket ends when one side likes.
        BodySize::Stream if status == StatusCode::SWITCHING_PROTOCOLS => Left::NOTHING,
        BodySize::Stream => Left::UNKNOWN,
    }
}

impl<B> MonitorBody<B> {
    pub(super) fn new(inner: B, watched: Option<Watched>) -> Self {
        MonitorBody { inner, watched }
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
        if let Some(watched) = this.watched {
            match &polled {
                Poll::Ready(None) => watched.sent_all(),
                Poll::Ready(Some(Ok(bytes))) => watched.sent(bytes.len()),
                Poll::Ready(Some(Err(_))) | Poll::Pending => {}
            }
        }
        polled
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let MonitorBody { inner, mut watched } = self;
        match inner.try_into_bytes() {
            Ok(bytes) => {
                if let Some(watched) = &mut watched {
                    watched.sent_all();
                }
                Ok(bytes)
            }
            Err(inner) => Err(MonitorBody { inner, watched }),
        }
    }
}
