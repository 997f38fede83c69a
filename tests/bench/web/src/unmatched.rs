//! Many random paths that match no route: what they leave in memory, and how long a scrape takes after them.

use std::time::Instant;

use actix_web::App;
use actix_web::body::to_bytes;
use actix_web::rt::System;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use harness::heap;
use monitor_runtime::actix::{Monitor, scrape};

use crate::{actix_web_prom, routes};

const PATHS: u64 = 100_000;
const SCRAPES: usize = 5;

pub fn run() {
    println!("### {PATHS} requests for random paths that match no route\n");
    println!("| middleware | series kept | heap kept | page | scrape (median of {SCRAPES}) | heap peak of a scrape |");
    println!("|---|---|---|---|---|---|");
    let system = System::new();
    macro_rules! row {
        ($name:expr, $app:expr) => {{
            let service = system.block_on(init_service($app));
            let mut state = 0x9E37_79B9_7F4A_7C15_u64;
            let flood = |requests: u64| {
                system.block_on(async {
                    for _ in 0..requests {
                        // xorshift: no path comes twice.
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        let request = TestRequest::get().uri(&format!("/{state:016x}")).to_request();
                        drop(read_body(call_service(&service, request).await).await);
                    }
                });
            };
            let scraped = || {
                system.block_on(async {
                    let start = Instant::now();
                    let response = call_service(&service, TestRequest::get().uri("/metrics").to_request()).await;
                    let body = to_bytes(response.into_body()).await.unwrap_or_default();
                    (start.elapsed().as_secs_f64() * 1e3, body)
                })
            };
            let mut flood = flood;
            flood(1_000); // The pools fill.
            scraped();
            let ((), kept) = heap(|| flood(PATHS));
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
    row!("actix-web-prom 0.10", App::new().wrap(actix_web_prom()).configure(routes));
}

fn mib(bytes: i64) -> f64 {
    bytes.max(0) as f64 / f64::from(1 << 20)
}
