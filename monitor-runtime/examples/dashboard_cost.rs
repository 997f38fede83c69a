//! What the live page costs: processor time a reading at 100 endpoints, alone and with 10 viewers.
//!
//!     cargo run --release -p monitor-runtime --features dashboard --example dashboard_cost
//!
//! The viewers are threads of this process, so that what they cost is in the figure: it is too high rather than too low.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use actix_web::{App, HttpServer};
use monitor_runtime::actix::dashboard;
use monitor_runtime::prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// Readings come twenty times as often as by default, so that a short run has many.
const INTERVAL: Duration = Duration::from_millis(100);
const READINGS: u32 = 50;
const BY_DEFAULT_S: f64 = 2.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new();
    let requests = IntCounterVec::new(Opts::new("api_requests_total", "Requests"), &["endpoint", "method", "status"])?;
    let bounds = monitor_runtime::DEFAULT_BUCKETS.to_vec();
    let latency = HistogramOpts::new("api_request_latency_seconds", "Latency").buckets(bounds);
    let latency = HistogramVec::new(latency, &["endpoint", "method"])?;
    registry.register(Box::new(requests.clone()))?;
    registry.register(Box::new(latency.clone()))?;
    let traffic = move || {
        for endpoint in 0..100u32 {
            let endpoint = format!("/endpoints/{endpoint}");
            requests.with_label_values(&[&endpoint, "GET", "200"]).inc();
            latency.with_label_values(&[&endpoint, "GET"]).observe(0.02);
        }
    };
    traffic();

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let app = move || App::new().service(dashboard("/monitor").registry(registry.clone()).interval(INTERVAL));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?;
        actix_web::rt::System::new().block_on(server.run())
    });

    let measure = |what: &str| {
        thread::sleep(INTERVAL * 5);
        let start = processor_time();
        for _ in 0..READINGS {
            traffic();
            thread::sleep(INTERVAL);
        }
        let each = (processor_time() - start).as_secs_f64() / f64::from(READINGS);
        let share = each / BY_DEFAULT_S * 100.0;
        println!("{what}: {:.0} us of processor time a reading, {share:.3} % of one at one every 2 s", each * 1e6);
    };
    measure("100 endpoints, nobody looks");
    for _ in 0..10 {
        let viewer = look(address)?;
        thread::spawn(move || drain(viewer));
    }
    measure("100 endpoints, 10 viewers");
    Ok(())
}

fn look(address: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /monitor/feed HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    Ok(stream)
}

fn drain(mut stream: TcpStream) {
    let mut part = [0; 64 * 1024];
    while stream.read(&mut part).is_ok_and(|read| read > 0) {}
}

/// Of the whole process.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
