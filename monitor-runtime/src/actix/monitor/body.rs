//! The body of a response that is watched: passed on unchanged, and counted if it is not sent to its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::watched::{Left, Watched};

/// The body to send, and `watched` seen to its end.
///
/// A body that is there as a whole needs no following: the server takes it in one piece together with the headers, and
/// then it is out of everybody's hands. It stays as it is, which saves most of what a watched body costs.
#[inline]
pub(super) fn followed(body: BoxBody, watched: Watched, status: StatusCode) -> BoxBody {
    let whole = |body: BoxBody| match body.size() {
        BodySize::None => Ok(body),
        BodySize::Sized(_) => body.try_into_bytes().map(BoxBody::new),
        BodySize::Stream => Err(body),
    };
    let body = if watched.times_body() { Err(body) } else { whole(body) };
    body.unwrap_or_else(|body| follow(body, watched, status))
}

#[inline(never)]
fn follow(body: BoxBody, mut watched: Watched, status: StatusCode) -> BoxBody {
    watched.has_to_send(left_of(&body, watched.to_head(), status));
    BoxBody::new(MonitorBody { inner: body, watched })
}

/// What has to be sent of a response's body.
fn left_of(body: &BoxBody, to_head: bool, status: StatusCode) -> Left {
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

pin_project! {
    /// A body that is followed to its end.
    struct MonitorBody {
        #[pin]
        inner: BoxBody,
        watched: Watched,
    }
}

// Never to be had as bytes: they would leave before they are sent.
impl MessageBody for MonitorBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.inner.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_next(context);
        match &polled {
            Poll::Ready(None) => this.watched.sent_all(),
            Poll::Ready(Some(Ok(bytes))) => this.watched.sent(bytes.len()),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }
}
