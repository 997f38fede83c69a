//! The rules that the toolkit writes, in a real Prometheus: an alert does not miss the event with which a series begins.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{Prometheus, eventually};

/// Counters that should not rise, each with its alert.
const FIRST_EVENTS: [(&str, &str); 8] = [
    ("credit_violations_total 1", "MonitorLedgerDamaged"),
    ("credit_settles_lost_total 1", "MonitorCreditsLost"),
    ("credit_answers_unsettled_total 1", "MonitorCreditsUnsettled"),
    ("credit_owed_log_errors_total 1", "MonitorOwedCapturesUnwritten"),
    (r#"credit_captures_late_total{result="refused"} 1"#, "MonitorCreditsSettleLate"),
    (r#"monitor_instrumentation_errors_total{kind="label_panicked"} 1"#, "MonitorInstrumentationErrors"),
    (r#"monitor_overflowed_total{family="orders_total"} 2"#, "MonitorCardinalityOverflow"),
    (r#"anomaly_detection_triggered_total{endpoint="/",reason="error_rate_spike"} 1"#, "MonitorAnomaly"),
];

/// Serves the page that is in the mutex; gives its URL. It lives as long as the tests do.
fn serve(page: Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut part = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut part) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => request.extend_from_slice(&part[..read]),
                }
            }
            let page = page.lock().expect("no panic").clone();
            // Prometheus may have gone: it will say so itself.
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{page}",
                page.len()
            );
        }
    });
    format!("http://{address}")
}

#[test]
#[ignore = "needs Prometheus: tests/run runs it"]
fn a_series_that_begins_with_an_event_fires_in_a_real_prometheus() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo-app/monitoring/prometheus/rules");
    let page = Arc::new(Mutex::new("up_since 1\n".to_owned()));
    let prometheus = Prometheus::with_rules("demo", &serve(page.clone()), &rules);
    eventually(|| match prometheus.values("up_since")?[..] {
        [1.0] => Ok(()),
        ref other => Err(format!("{other:?}")),
    });
    assert_eq!(prometheus.firing(), Ok(BTreeSet::new()), "nothing has happened yet");

    *page.lock().expect("no panic") = FIRST_EVENTS.map(|(sample, _)| format!("{sample}\n")).concat();
    let wanted: BTreeSet<String> = FIRST_EVENTS.iter().map(|(_, alert)| (*alert).to_owned()).collect();
    eventually(|| match prometheus.firing()? {
        firing if firing == wanted => Ok(()),
        firing => Err(format!("{firing:?} fire, not {wanted:?}")),
    });
}
