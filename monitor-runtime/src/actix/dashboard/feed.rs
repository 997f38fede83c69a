//! The news as server-sent events: a bounded number of viewers, of whom none holds anything up. What is told comes from
//! the sampler, ready as bytes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::answer::{answer as answer_with, busy};
use super::sampler::Sampler;
use super::viewers::{Place, Places};

/// The feed for one viewer, or why there is none.
pub(super) fn answer(request: &HttpRequest, sampler: &Sampler, places: &Arc<Places>) -> HttpResponse {
    let head = request.method() == Method::HEAD;
    let Some(place) = places.take(request.peer_addr().map(|address| address.ip())) else {
        return busy("too many viewers");
    };
    let mut response = answer_with(StatusCode::OK);
    response
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        // A middleware that compresses, or a proxy, would keep the news until it has enough of them.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("X-Accel-Buffering", "no"));
    if head {
        return response.finish();
    }
    let (everything, news) = sampler.listen();
    response.body(Feed { place, first: Some(everything), next: Box::pin(next(news)) })
}

type Next = Pin<Box<dyn Future<Output = (Option<Bytes>, Receiver<Bytes>)>>>;

/// The body of one viewer's response; it ends with the sampler.
struct Feed {
    place: Arc<Place>,
    first: Option<Bytes>,
    next: Next,
}

async fn next(mut news: Receiver<Bytes>) -> (Option<Bytes>, Receiver<Bytes>) {
    loop {
        match news.recv().await {
            Ok(message) => return (Some(message), news),
            // It missed some, and goes on with the oldest that are left: each says at what time it was.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return (None, news),
        }
    }
}

impl MessageBody for Feed {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if !self.place.is_asked_for() {
            return Poll::Ready(None);
        }
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Poll::Ready((message, news)) = self.next.as_mut().poll(context) else { return Poll::Pending };
        self.next = Box::pin(next(news));
        Poll::Ready(message.map(Ok))
    }
}
