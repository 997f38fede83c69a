//! What clients who mean no good leave in memory, and how long a scrape takes after them: random paths that match no
//! route, random methods, random segments of a route, the same of each for all. What they do on sockets is asked of the
//! demo by tests/e2e, which has no peer.

use std::time::Instant;

use actix_web::App;
use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::rt::System;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web_prom::{PrometheusMetrics, PrometheusMetricsBuilder};
use harness::heap;
use monitor_runtime::actix::{Monitor, scrape};

use crate::{actix_web_prom, routes};

const EACH: u64 = 100_000;
const SCRAPES: usize = 5;
/// What has ended labels, lines or pages somewhere.
const ODD: [&str; 8] = ["%00", "%0a", "%22", "%5c", "%ff", "%e2%80%a8", "%e2%80%8f", "%ef%bb%bf"];

pub fn run() {
    println!(
        "### {EACH} requests for random paths, {EACH} with random methods, {EACH} of a route with random segments\n"
    );
    println!(
        "| middleware | series of requests | heap kept | page | scrape (median of {SCRAPES}) | heap peak of a scrape |"
    );
    println!("|---|---|---|---|---|---|");
    let system = System::new();
    macro_rules! row {
        ($name:expr, $app:expr) => {{
            let service = system.block_on(init_service($app));
            let mut random = Random(0x9E37_79B9_7F4A_7C15);
            let mut flood = |each: u64| {
                system.block_on(async {
                    for n in 0..3 * each {
                        let word = random.next();
                        let odd = ODD[word as usize % ODD.len()];
                        let request = match n / each {
                            0 => TestRequest::with_uri(&format!("/{word:016x}{odd}")),
                            1 => TestRequest::with_uri("/plaintext").method(method(word)),
                            _ => TestRequest::with_uri(&format!("/users/{odd}{word:016x}")),
                        };
                        drop(read_body(call_service(&service, request.to_request()).await).await);
                    }
                });
            };
            let scraped = || {
                system.block_on(async {
                    let start = Instant::now();
                    let response = call_service(&service, TestRequest::with_uri("/metrics").to_request()).await;
                    let body = to_bytes(response.into_body()).await.unwrap_or_default();
                    (start.elapsed().as_secs_f64() * 1e3, body)
                })
            };
            flood(1_000); // The pools fill.
            scraped();
            let ((), kept) = heap(|| flood(EACH));
            let mut times: Vec<f64> = (0..SCRAPES).map(|_| scraped().0).collect();
            let ((_, page), scrape) = heap(scraped);
            let page = String::from_utf8_lossy(&page);
            let series = page.lines().filter(|line| line.contains("requests_total{")).count();
            println!(
                "| {} | {series} | {:.2} MiB | {:.2} MiB | {:.2} ms | {:.2} MiB |",
                $name,
                mib(kept.kept),
                mib(page.len() as i64),
                harness::median(&mut times),
                mib(scrape.peak),
            );
        }};
    }
    row!("**ours**", App::new().wrap(Monitor::default()).service(scrape("/metrics")).configure(routes));
    row!("actix-web-prom 0.10, unmatched paths masked", App::new().wrap(masked()).configure(routes));
    row!("actix-web-prom 0.10, as it comes", App::new().wrap(actix_web_prom()).configure(routes));
}

fn masked() -> PrometheusMetrics {
    let builder = PrometheusMetricsBuilder::new("masked").endpoint("/metrics");
    builder.mask_unmatched_patterns("_unmatched").build().expect("valid")
}

/// A token of sixteen letters.
fn method(word: u64) -> Method {
    let letters: Vec<u8> = (0..16).map(|n| b'A' + (word >> (4 * n) & 15) as u8).collect();
    Method::from_bytes(&letters).expect("a token")
}

/// xorshift: no number comes twice.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn mib(bytes: i64) -> f64 {
    bytes.max(0) as f64 / f64::from(1 << 20)
}
