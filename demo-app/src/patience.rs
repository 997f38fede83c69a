//! How long a client may take and how much of the machine it may: the time for a body, and connections for which the
//! process has descriptors left. What a request is answered is elsewhere.

use std::future::Future;
use std::io;
use std::task::Poll;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::rt::time::sleep;
use actix_web::{Error, HttpMessage};
use futures_util::{Stream, stream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long a body may take to arrive. No body that is wanted here has more than a few lines.
const BODY_TIME: Duration = Duration::from_secs(10);
/// The most connections of the service, however many descriptors there are.
const CONNECTIONS_MAX: u64 = 4_096;
/// Descriptors for everything else: the listener of metrics (1,024 connections), files, databases.
const RESERVED: u64 = 1_280;

/// Gives a body its time: what has not arrived by then is an error to whatever reads it.
pub(crate) async fn limit(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let headers = request.headers();
    if headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
        let mut body = request.take_payload();
        let mut over = Box::pin(sleep(BODY_TIME));
        let timed = stream::poll_fn(move |context| {
            let mut body = std::pin::pin!(&mut body);
            match body.as_mut().poll_next(context) {
                Poll::Pending if over.as_mut().poll(context).is_ready() => {
                    Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
                }
                // A trickle does not win time.
                Poll::Ready(Some(Ok(_))) if over.is_elapsed() => {
                    Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
                }
                other => other,
            }
        });
        request.set_payload(Payload::Stream { payload: Box::pin(timed) });
    }
    next.call(request).await
}

/// The number of threads, and of connections of each, such that descriptors are left for everything else.
/// Where the system lets the process have more descriptors than it has, it takes them.
pub(crate) fn threads_and_connections() -> (usize, usize) {
    let threads = available_parallelism().map_or(1, usize::from);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(u64::MAX).min(CONNECTIONS_MAX + RESERVED);
    let mut descriptors = current.unwrap_or(u64::MAX);
    if descriptors < wanted && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok() {
        descriptors = wanted;
    }
    let connections = connections_of(descriptors);
    (threads, (usize::try_from(connections).unwrap_or(usize::MAX) / threads).max(1))
}

/// How many connections a process may have that has this many descriptors.
fn connections_of(descriptors: u64) -> u64 {
    let reserved = RESERVED.min(descriptors / 2);
    (descriptors - reserved).min(CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_left_for_the_listener_of_metrics_however_few_there_are() {
        for (descriptors, connections) in
            [(64, 32), (1_024, 512), (4_096, 2_816), (65_536, CONNECTIONS_MAX), (u64::MAX, CONNECTIONS_MAX)]
        {
            assert_eq!(connections_of(descriptors), connections, "{descriptors}");
        }
    }
}
