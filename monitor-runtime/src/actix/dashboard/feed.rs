//! The news as server-sent events: a bounded number of viewers, of whom none holds anything up. What is told comes from
//! the sampler, ready as bytes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::sampler::{Sampler, lock};
use super::{answer as answer_with, busy};
use crate::clock;

/// A viewer that has asked for nothing for so long gives its place to one that comes.
const STALE_S: f64 = 30.0;

/// The feed for one viewer, or why there is none.
pub(super) fn answer(request: &HttpRequest, sampler: &Sampler, places: &Arc<Places>) -> HttpResponse {
    let head = request.method() == Method::HEAD;
    let Some(place) = places.take() else { return busy("too many viewers") };
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

/// One event as it stands on the wire. JSON has no line feed outside its strings, and none in them.
pub(super) fn event(name: &str, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    // What is written has string keys and finite numbers, which is all that can fail.
    if serde_json::to_writer(&mut text, data).is_err() {
        return Bytes::from_static(b": not written\n\n");
    }
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}

/// So many viewers at a time, on whatever threads.
#[derive(Debug)]
pub(super) struct Places {
    bound: usize,
    taken: Mutex<Vec<Weak<Place>>>,
}

/// One viewer's. Given back when it is dropped, and taken away when it is stale and another viewer comes.
#[derive(Debug)]
pub(super) struct Place {
    /// When its viewer asked for more, in ticks.
    asked: AtomicU64,
}

impl Places {
    pub(super) fn new(bound: usize) -> Places {
        Places { bound, taken: Mutex::default() }
    }

    pub(super) fn bound(&self) -> usize {
        self.bound
    }

    fn take(&self) -> Option<Arc<Place>> {
        let mut taken = lock(&self.taken);
        taken.retain(|place| place.strong_count() > 0);
        if taken.len() >= self.bound {
            let waited = |place: &Arc<Place>| clock::seconds_since(place.asked.load(Relaxed));
            let places = taken.iter().enumerate().filter_map(|(n, place)| Some((n, waited(&place.upgrade()?))));
            let (stale, _) = places.filter(|(_, waited)| *waited > STALE_S).max_by(|a, b| a.1.total_cmp(&b.1))?;
            // Its body ends as soon as its viewer reads on; until then it holds one message, and no place.
            if let Some(place) = taken.swap_remove(stale).upgrade() {
                place.asked.store(GONE, Relaxed);
            }
        }
        let place = Arc::new(Place { asked: AtomicU64::new(clock::ticks()) });
        taken.push(Arc::downgrade(&place));
        Some(place)
    }
}

/// No tick that a viewer asks at.
const GONE: u64 = u64::MAX;

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
        if self.place.asked.load(Relaxed) == GONE {
            return Poll::Ready(None);
        }
        self.place.asked.store(clock::ticks(), Relaxed);
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Poll::Ready((message, news)) = self.next.as_mut().poll(context) else { return Poll::Pending };
        self.next = Box::pin(next(news));
        Poll::Ready(message.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "test-util")]
    #[test]
    fn a_viewer_that_reads_nothing_loses_its_place_to_one_that_comes() {
        use std::time::Duration;

        let time = clock::Manual::start();
        let places = Places::new(2);
        let (one, other) = (places.take().expect("a place"), places.take().expect("a place"));
        time.advance(Duration::from_secs(29));
        assert!(places.take().is_none(), "both have been there for a short time");
        other.asked.store(clock::ticks(), Relaxed);
        time.advance(Duration::from_secs(2));
        let third = places.take().expect("the place of the one that reads nothing");
        assert_eq!(one.asked.load(Relaxed), GONE);
        assert!(places.take().is_none());
        drop(third);
        assert!(places.take().is_some(), "a place given back");
    }

    #[test]
    fn an_event_is_one_line_of_data() {
        let event = event("news", &serde_json::json!({ "text": "two\nlines" }));
        assert_eq!(&event[..], b"event: news\ndata: {\"text\":\"two\\nlines\"}\n\n");
    }
}
