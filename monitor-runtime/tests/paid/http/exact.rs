//! Credits for a tenth of the requests: exactly a tenth of the bodies run, however many clients ask at once.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use monitor_runtime::sample_value;

use super::server::Server;
use crate::support::Purse;

const REQUESTS: u64 = 10_000;
const CREDITS: i64 = 1_000;

/// Sends all requests through so many connections at once, and asks that exactly those that are paid for are served.
fn exactly(clients: u64, account: &str, server: &Server) {
    let (left, served, refused) = (AtomicU64::new(REQUESTS), AtomicU64::new(0), AtomicU64::new(0));
    let before = server.bodies.began();
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut client = server.client(account);
                while left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
                    let response = client.post("/one");
                    match response.status {
                        200 => served.fetch_add(1, SeqCst),
                        402 => refused.fetch_add(1, SeqCst),
                        _ => panic!("{response:?}"),
                    };
                }
            });
        }
    });
    let credits = CREDITS.unsigned_abs();
    assert_eq!((served.into_inner(), refused.into_inner()), (credits, REQUESTS - credits), "{clients} clients");
    assert_eq!(server.bodies.began() - before, credits, "{clients} clients");
}

#[test]
fn of_ten_thousand_requests_exactly_the_thousand_that_are_paid_for_are_served() {
    for clients in [16, 64, 256] {
        let purse = Purse::with(CREDITS);
        exactly(clients, &purse.name, &Server::start(&purse.credits));
        purse.settles_at(CREDITS);
        let used = sample_value("credit_usage_total", &[("operation", "http one"), ("user_id", &purse.name)]);
        assert_eq!(used, Some(CREDITS as f64));
    }
}
