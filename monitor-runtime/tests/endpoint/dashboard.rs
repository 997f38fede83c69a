//! The page of its own: what it is made of, what it is told, and whom it tells.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use actix_web::{App, HttpServer};
use flate2::read::GzDecoder;
use monitor_runtime::actix::{Dashboard, api_metrics, dashboard, serve_metrics};
use monitor_runtime::prometheus::{Gauge, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use serde_json::Value;

use crate::support::{Answer, Gate, Server, send};

const OFTEN: Duration = Duration::from_millis(100);

fn serve(page: impl Fn() -> Dashboard + Clone + Send + 'static, registry: Registry) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    Server::run(address, move || {
        let app = move || {
            let json = api_metrics("/monitoring/api-metrics").registry(registry.clone()).interval(OFTEN);
            App::new().service(page().registry(registry.clone()).interval(OFTEN)).service(json)
        };
        let server = HttpServer::new(app).workers(2).disable_signals().listen(listener).expect("a listener").run();
        (server.handle(), server)
    })
}

fn open(registry: Registry) -> Server {
    serve(|| dashboard("/monitor"), registry)
}

/// The toolkit's families as another library would fill them, so that the numbers of a test are its own.
struct Traffic {
    requests: IntCounterVec,
    errors: IntCounterVec,
    latency: HistogramVec,
    anomalies: IntCounterVec,
    threshold: Gauge,
}

impl Traffic {
    fn new(registry: &Registry) -> Traffic {
        let counter = |name: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, "Help"), labels).expect("a name");
            registry.register(Box::new(counter.clone())).expect("a fresh registry");
            counter
        };
        let options = HistogramOpts::new("api_request_latency_seconds", "Help").buckets(vec![0.1, 0.5, 1.0]);
        let latency = HistogramVec::new(options, &["endpoint", "method"]).expect("a name");
        registry.register(Box::new(latency.clone())).expect("a fresh registry");
        let threshold = Opts::new("api_response_time_threshold", "Help").const_label("endpoint", "/reports");
        let threshold = Gauge::with_opts(threshold).expect("a name");
        registry.register(Box::new(threshold.clone())).expect("a fresh registry");
        Traffic {
            requests: counter("api_requests_total", &["endpoint", "method", "status"]),
            errors: counter("api_request_errors_total", &["endpoint", "method"]),
            latency,
            anomalies: counter("anomaly_detection_triggered_total", &["endpoint", "reason"]),
            threshold,
        }
    }

    fn request(&self, endpoint: &str, status: &str, seconds: f64) {
        self.requests.with_label_values(&[endpoint, "GET", status]).inc();
        if status.starts_with('5') {
            self.errors.with_label_values(&[endpoint, "GET"]).inc();
        }
        self.latency.with_label_values(&[endpoint, "GET"]).observe(seconds);
    }
}

/// A viewer of the feed.
struct Viewer(BufReader<TcpStream>);

impl Viewer {
    fn come(server: &Server) -> Viewer {
        let mut stream = server.connect();
        send(&mut stream, &["GET /monitor/feed HTTP/1.1"]);
        let mut viewer = Viewer(BufReader::new(stream));
        let head = viewer.lines_to("");
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")), "{head:?}");
        viewer
    }

    fn lines_to(&mut self, end: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).expect("a line in time"), 0, "the feed ended after {lines:?}");
            if line.trim_end() == end {
                return lines;
            }
            lines.push(line.trim_end().to_owned());
        }
    }

    /// The next event of this name. Its data is one line, in a chunk of its own.
    fn event(&mut self, name: &str) -> Value {
        self.lines_to(&format!("event: {name}"));
        let mut data = String::new();
        self.0.read_line(&mut data).expect("a line in time");
        let data = data.strip_prefix("data: ").expect("the data of the event");
        serde_json::from_str(data).expect("JSON")
    }

    /// Reads news until one says what is looked for.
    fn news_until(&mut self, says: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..300 {
            let news = self.event("news");
            if says(&news["summary"]) {
                return news;
            }
        }
        panic!("300 news did not say it");
    }
}

#[test]
fn the_page_and_its_files_come_from_here_alone_under_a_strict_policy() {
    let server = open(Registry::new());
    let page = server.ask(&["GET /monitor HTTP/1.1"]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let html = page.text();
    let mut files = Vec::new();
    for part in html.split(['"', '\'']).filter(|part| part.starts_with("monitor/") && !part.ends_with("/feed")) {
        let file = server.ask(&[&format!("GET /{part} HTTP/1.1"), "Accept-Encoding: gzip"]);
        assert_eq!((file.status, file.header("content-encoding")), (200, Some("gzip")), "{part}");
        let mut plain = Vec::new();
        GzDecoder::new(&*file.body).read_to_end(&mut plain).expect("a whole gzip stream");
        assert_eq!(plain, server.ask(&[&format!("GET /{part} HTTP/1.1")]).body, "{part}");
        files.push((part.to_owned(), file));
    }
    assert_eq!(files.len(), 5, "{files:?}");
    for (name, answer) in files.iter().map(|(name, file)| (name.as_str(), file)).chain([("page", &page)]) {
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{name} has no policy"));
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{name}");
        let tag = answer.header("etag").expect("a tag");
        let path = if name == "page" { "/monitor".to_owned() } else { format!("/{name}") };
        let again = server.ask(&[&format!("GET {path} HTTP/1.1"), &format!("If-None-Match: {tag}")]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{name}");
    }
    assert_eq!(server.ask(&["GET /monitor/secret.txt HTTP/1.1"]).status, 404);
    let post = server.ask(&["POST /monitor/feed HTTP/1.1", "Content-Length: 0"]);
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_viewer_sees_what_was_before_and_what_happens() {
    let registry = Registry::new();
    let traffic = Traffic::new(&registry);
    traffic.threshold.set(0.5);
    for _ in 0..99 {
        traffic.request("/reports", "200", 0.05);
    }
    let server = open(registry);
    let mut viewer = Viewer::come(&server);
    let everything = viewer.event("everything");
    assert_eq!(everything["interval_seconds"], 0.1);
    let before = viewer.event("news");
    let requests = &before["summary"]["requests"];
    assert_eq!((&requests["total"], &requests["per_second"]), (&99.into(), &0.0.into()), "no burst at the start");
    assert_eq!(before["summary"]["endpoints"][0]["state"], "idle");

    for _ in 0..10 {
        traffic.request("/reports", "200", 0.7);
        traffic.request("/items", "404", 0.05);
    }
    traffic.request("/items", "500", 0.05);
    let news = viewer.news_until(|summary| summary["requests"]["total"] == 120);
    let summary = &news["summary"];
    let rate = |of: &str| summary["requests"][of].as_f64().expect("a number");
    assert!(rate("per_second") > 0.0 && rate("refused_per_second") > 0.0 && rate("errors_per_second") > 0.0);
    // Of 21 requests of the window one was an error; the 99 before it are no part of it.
    assert_eq!(summary["error_rate"], 0.047619);
    let line = |name: &str| {
        let lines = summary["endpoints"].as_array().expect("a list");
        lines.iter().find(|line| line["endpoint"] == name).expect("a listed endpoint").clone()
    };
    let reports = line("/reports");
    assert_eq!((&reports["state"], &reports["threshold_seconds"]), (&"slow".into(), &0.5.into()), "{reports}");
    assert_eq!(reports["latency_seconds"]["p50"], 0.75, "ten between 0.5 and 1");
    assert_eq!((&line("/items")["state"], &line("/items")["threshold_seconds"]), (&"failing".into(), &Value::Null));

    traffic.anomalies.with_label_values(&["/reports", "high_latency"]).inc_by(2);
    let news = viewer.news_until(|summary| summary["anomalies"]["total"] == 2);
    let found = &news["summary"]["anomalies"]["recent"][0];
    assert_eq!(
        (&found["endpoint"], &found["reason"], &found["count"]),
        (&"/reports".into(), &"high_latency".into(), &2.into())
    );
    assert_eq!(
        news["summary"]["endpoints"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|line| line["state"] == "anomalous")
            .count(),
        1
    );

    // Whoever comes later sees it too, and a program reads the same.
    let everything = Viewer::come(&server).event("everything");
    assert!(everything["history"]["moments"].as_array().expect("a list").len() > 2);
    assert!(everything["history"]["sparks"]["/reports"].as_array().expect("a list").len() > 2);
    let json = server.ask(&["GET /monitoring/api-metrics HTTP/1.1"]);
    assert_eq!(json.header("content-type"), Some("application/json"));
    let json: Value = serde_json::from_slice(&json.body).expect("JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["requests"]["total"], 120);
    assert_eq!(json["anomalies"]["by_reason"]["high_latency"], 2);
}

#[test]
fn ten_viewers_cost_one_reading() {
    let (gate, registry) = Gate::closed();
    gate.open();
    let server = open(registry);
    let mut viewers: Vec<Viewer> = (0..10).map(|_| Viewer::come(&server)).collect();
    let first = gate.asked();
    let mut times = Vec::new();
    for viewer in &mut viewers {
        let news: Vec<f64> = (0..5).map(|_| viewer.event("news")["moment"]["at"].as_f64().expect("a time")).collect();
        assert!(news.is_sorted_by(|a, b| a < b), "{news:?}");
        times.extend(news);
    }
    let asked = gate.asked() - first;
    times.sort_by(f64::total_cmp);
    times.dedup();
    // What nobody was told of was read before the first came, or after the last left; each news was one reading.
    assert!(asked >= times.len().saturating_sub(1), "{asked} readings, {} different news", times.len());
    let (from, to) = (times[0], times[times.len() - 1]);
    let most = ((to - from) / OFTEN.as_secs_f64()) as usize + 10;
    assert!(asked <= most, "{asked} readings in {} s at one every {OFTEN:?}", to - from);
}

#[test]
fn as_many_may_look_as_there_are_places() {
    let server = serve(|| dashboard("/monitor").viewers(2), Registry::new());
    let (mut one, other) = (Viewer::come(&server), Viewer::come(&server));
    let refused = server.ask(&["GET /monitor/feed HTTP/1.1"]);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")), "{refused:?}");
    drop(other);
    // The server notices at its next message.
    let came = (0..100).any(|_| {
        one.event("news");
        let mut stream = server.connect();
        send(&mut stream, &["GET /monitor/feed HTTP/1.1"]);
        let mut head = String::new();
        BufReader::new(stream).read_line(&mut head).expect("a line in time");
        head.contains(" 200 ")
    });
    assert!(came, "the place was not given back");
}

#[test]
fn the_token_opens_for_programs_and_for_browsers() {
    let page = || dashboard("/monitor").bearer_token("s3cret".parse().expect("a token"));
    let server = serve(page, Registry::new());
    // `anyone:s3cret`, by `base64`.
    for right in ["Authorization: Bearer s3cret", "Authorization: Basic YW55b25lOnMzY3JldA=="] {
        for path in ["/monitor", "/monitor/page.js"] {
            assert_eq!(server.ask(&[&format!("GET {path} HTTP/1.1"), right]).status, 200, "{right}");
        }
    }
    for path in ["/monitor", "/monitor/page.js", "/monitor/feed", "/monitor/nothing"] {
        for wrong in ["Accept: */*", "Authorization: Bearer wrong", "Authorization: Basic YW55b25lOndyb25n"] {
            let answer = server.ask(&[&format!("GET {path}?token=s3cret HTTP/1.1"), wrong]);
            assert_eq!(answer.status, 401, "{path} {wrong}");
            assert!(answer.header("www-authenticate").is_some_and(|how| how.starts_with("Basic ")), "{answer:?}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[test]
fn the_listener_of_its_own_serves_it_too() {
    let listener = serve_metrics("127.0.0.1:0").registry(Registry::new()).dashboard();
    let listener = listener.bearer_token("s3cret".parse().expect("a token")).listen().expect("a free port");
    let address = listener.address();
    let server = Server::run(address, move || (listener.handle(), listener));
    let answer = |path: &str, header: &str| -> Answer { server.ask(&[&format!("GET {path} HTTP/1.1"), header]) };
    for path in ["/metrics", "/monitor", "/monitor/page.css", "/monitoring/api-metrics"] {
        assert_eq!(answer(path, "Accept: */*").status, 401, "{path}");
        let status = answer(path, "Authorization: Bearer s3cret").status;
        // Nothing may have been read yet.
        assert!(status == 200 || path == "/monitoring/api-metrics" && status == 503, "{path}: {status}");
    }
}
