//! The program: its arguments, its output, its exit code, its end.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Output;

use crate::support::{Demo, program};

/// Where an argument does not say where data is kept, that is in a directory of its own.
fn run(arguments: &[&str]) -> Output {
    let data = tempfile::tempdir().expect("a directory");
    let output = program().args(arguments).env("DEMO_DATA_DIR", data.path()).output();
    output.expect("the demo should start")
}

/// The one line on standard error of a program that refused to start.
fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(error.lines().count(), 1, "one line, not: {error}");
    error
}

#[test]
fn a_taken_port_is_one_line_that_says_which_and_what_to_do() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    assert_eq!(
        refusal(&["--port", &port.to_string()]),
        format!(
            "demo-app: port {port} on 127.0.0.1 is taken; stop what listens there, \
             or choose another with --port or DEMO_PORT (0 takes a free one)\n"
        )
    );
}

#[test]
fn a_wrong_argument_is_one_line_too() {
    assert_eq!(
        refusal(&["--port", "eighty"]),
        "demo-app: --port is `eighty`, which is no port; \
         give a number from 0 to 65535 (0 takes a free one)\n"
    );
    assert_eq!(refusal(&["--prot=1"]), "demo-app: unexpected argument '--prot' found; see --help\n");
    // An address for documentation, which no machine has.
    let error = refusal(&["--host", "192.0.2.1", "--port", "0"]);
    assert!(error.starts_with("demo-app: cannot listen on 192.0.2.1, port 0: "), "{error}");
}

#[test]
fn help_names_every_argument() {
    let output = run(&["--help"]);
    assert!(output.status.success(), "{output:?}");
    let help = String::from_utf8(output.stdout).expect("text");
    for name in [
        "--host",
        "DEMO_HOST",
        "--port",
        "DEMO_PORT",
        "--metrics-addr",
        "DEMO_METRICS_ADDR",
        "--metrics-token",
        "DEMO_METRICS_TOKEN",
    ] {
        assert!(help.contains(name), "{name} is not in: {help}");
    }
}

#[test]
fn the_environment_says_where_to_listen_too() {
    let mut command = program();
    command.env("DEMO_PORT", "0").env("DEMO_HOST", "127.0.0.2");
    let demo = Demo::start_by(&mut command);
    assert!(demo.url.starts_with("http://127.0.0.2:"), "{}", demo.url);
    assert_eq!(demo.client.get("/").status, 200);
}

#[test]
fn it_stops_on_either_signal_and_prints_its_urls_before() {
    for signal in ["TERM", "INT"] {
        let demo = Demo::start();
        let url = demo.url.clone();
        // The client keeps its connection, idle: that must not hold up the end.
        assert_eq!(demo.client.get("/items").status, 200);
        let (status, printed, complaint) = demo.stop_by(signal);
        assert_eq!(status.code(), Some(0), "{signal}: {complaint}");
        assert_eq!(complaint, "", "{signal}");
        for path in ["/login", "/logout", "/items", "/reports", "/metrics"] {
            assert!(printed.contains(&format!(" {url}{path} ")), "{path} is not in: {printed}");
        }
    }
}

#[test]
fn a_signal_right_after_the_url_stops_it_cleanly_too() {
    for signal in ["TERM", "INT"] {
        let (status, _, complaint) = Demo::start().stop_by(signal);
        assert_eq!(status.code(), Some(0), "{signal}: {complaint}");
    }
}

#[test]
fn a_ledger_that_cannot_be_used_is_one_line_and_left_as_it_is() {
    let data = tempfile::tempdir().expect("a directory");
    let (file, text) = (data.path().join("credits.db"), "credits: 100\n".repeat(1_000));
    std::fs::write(&file, &text).expect("a file");
    let error = refusal(&["--port", "0", "--data-dir", data.path().to_str().expect("text")]);
    assert!(error.contains("credits.db is damaged") && error.contains("restore a backup"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), text);
    // Nobody listens there.
    let error = refusal(&["--port", "0", "--database-url", "postgres://demo:s3cret@127.0.0.1:1/demo"]);
    assert!(error.starts_with("demo-app: --database-url: ") && !error.contains("s3cret"), "{error}");
}
