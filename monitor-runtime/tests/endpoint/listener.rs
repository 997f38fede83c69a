//! The listener of its own.

use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, TcpListener};

use actix_web::rt::System;
use monitor_runtime::actix::{MetricsServer, serve_metrics};

use crate::support::{Answer, Gate, Server, registry_of};

fn run(metrics: MetricsServer) -> Server {
    let listener = metrics.listen().expect("a free port");
    let address = listener.address();
    Server::run(address, move || (listener.handle(), listener))
}

#[test]
fn it_serves_the_page_and_its_health_and_nothing_else() {
    let registry = registry_of(2);
    let token = "s3cret".parse().expect("a token");
    let server = run(serve_metrics("127.0.0.1:0").registry(registry).bearer_token(token).scrapes_in_flight(2));
    assert_eq!(server.get(&[]).status, 401);
    let page = server.get(&["Authorization: Bearer s3cret"]);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("size{number=\"1\"} 1"), "{page:?}");
    let healthz = server.ask(&["GET /healthz HTTP/1.1"]);
    assert_eq!((healthz.status, healthz.text()), (200, "ok\n"));
    assert_eq!(server.ask(&["POST /healthz HTTP/1.1", "Content-Length: 0"]).status, 404);
    assert_eq!(server.ask(&["GET / HTTP/1.1"]).status, 404);
}

#[test]
fn it_answers_while_a_page_is_being_made() {
    let (gate, registry) = Gate::closed();
    let server = run(serve_metrics("127.0.0.1:0").registry(registry));
    let mut waiting = server.connect();
    crate::support::send(&mut waiting, &["GET /metrics HTTP/1.1"]);
    gate.is_asked(1);
    assert_eq!(server.ask(&["GET /healthz HTTP/1.1"]).status, 200);
    gate.open();
    assert_eq!(Answer::read(&mut waiting).status, 200);
}

#[test]
fn a_port_alone_is_open_to_this_machine_alone() {
    let listener = serve_metrics(0).listen().expect("a free port");
    assert_eq!(listener.address().ip(), Ipv4Addr::LOCALHOST);
    let listener = serve_metrics("localhost:0").listen().expect("a free port");
    assert_eq!(listener.address().ip(), Ipv4Addr::LOCALHOST);
}

#[test]
fn what_is_wrong_with_an_address_is_said_with_the_address() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = taken.local_addr().expect("an address");
    let error = serve_metrics(address).listen().expect_err("a taken port");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("metrics on {address}: ")), "{error}");

    for wrong in ["", "host", "example.com:80", "127.0.0.1", "70000", "127.0.0.1:http"] {
        let error = serve_metrics(wrong).listen().expect_err("no address");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = format!("metrics on {wrong}: no address; give a port, or an IP address and a port");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn it_ends_with_the_app_that_it_stands_beside() -> io::Result<()> {
    let listener = serve_metrics(0).listen()?;
    let address = listener.address();
    let ended = System::new().block_on(listener.beside(async move {
        let asked = actix_web::rt::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).expect("a connection");
            crate::support::send(&mut stream, &["GET /healthz HTTP/1.1"]);
            Answer::read(&mut stream).status
        });
        asked.await.expect("no panic")
    }));
    assert_eq!(ended, 200);
    // Nobody listens there any more, so the address is free for another.
    TcpListener::bind(address).map(drop)
}

#[test]
fn a_request_that_does_not_come_is_given_up() {
    let server = run(serve_metrics(0));
    let mut silent = server.connect();
    std::io::Write::write_all(&mut silent, b"GET /metrics HTTP/1.1\r\nHost:").expect("half a request");
    let mut answer = String::new();
    let _ = silent.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}
