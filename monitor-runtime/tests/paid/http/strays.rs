//! Clients that leave, handlers that panic or take too long.

use std::thread;

use monitor_runtime::credits::Balance;

use super::server::Server;
use crate::support::{Purse, eventually};

#[test]
fn a_client_that_leaves_in_the_middle_gets_its_credits_back() {
    const CLIENTS: u64 = 20;
    let purse = Purse::with(200);
    let server = Server::start(&purse.credits);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = server.client(&purse.name);
            client.send("POST", "/never", "");
            client
        })
        .collect();
    eventually("all bodies have begun", || server.bodies.began() == CLIENTS);
    assert_eq!(purse.balance(), Balance { available: 100, held: 100 });
    clients.into_iter().for_each(super::server::Client::reset);
    purse.settles_at(0);
}

#[test]
fn resets_at_any_moment_neither_lose_a_credit_nor_serve_for_free() {
    let purse = Purse::with(2_000);
    let server = Server::start(&purse.credits);
    thread::scope(|scope| {
        for seed in 0..8_u64 {
            let (server, purse) = (&server, &purse);
            scope.spawn(move || {
                for round in 0..40 {
                    let mut client = server.client(&purse.name);
                    client.send("POST", "/answer/200", "");
                    // Before, while and after it is served.
                    for _ in 0..(seed * 997 + round * 131) % 4_000 {
                        std::hint::spin_loop();
                    }
                    client.reset();
                }
            });
        }
    });
    let mut client = server.client(&purse.name);
    assert_eq!(client.post("/answer/200").status, 200, "it still serves");
    drop(client);
    // Requests may wait for a worker still: only a server that has ended begins no body any more.
    let bodies = server.ends();
    eventually("nothing is held", || purse.balance().held == 0);
    let paid = purse.captured();
    assert!(paid > 0 && paid % 5 == 0, "{paid}");
    assert!(paid <= 5 * bodies.cast_signed(), "{paid} for {bodies} bodies");
    purse.settles_at(paid);
}

#[test]
fn a_handler_that_panics_or_takes_too_long_is_not_paid() {
    let purse = Purse::with(100);
    let server = Server::start(&purse.credits);
    for _ in 0..3 {
        let mut client = server.client(&purse.name);
        client.send("POST", "/panic", "");
        assert!(client.response().is_none(), "actix-web closes the connection");
    }
    assert_eq!(server.client(&purse.name).post("/timeout").status, 504);
    assert_eq!(server.bodies.began(), 4);
    purse.settles_at(0);
}
