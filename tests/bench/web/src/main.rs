//! What a request costs through a middleware of actix-web, ours and others, over an app that has none.
//!
//! - `web inproc`: `call_service` in process, all modes side by side: instructions and allocations a request.
//! - `web requests MODE PATH COUNT`: the same for a profiler, without counting anything.
//! - `web serve MODE PORT SECONDS`: a server with one worker, for `web.sh`.
//! - `web hostile`: memory and scrape time after clients who mean no good.

mod hostile;
mod naive;

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::rt::System;
use actix_web::{App, Error, HttpResponse, HttpServer, middleware, rt, test, web};
use harness::{black_box, heap, instructions};
use monitor_runtime::actix::Monitor;

async fn hello() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("Hello, World!")
}

async fn user(id: web::Path<u32>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body(id.to_string())
}

fn routes(config: &mut web::ServiceConfig) {
    config.route("/plaintext", web::get().to(hello)).route("/users/{id}", web::get().to(user));
}

/// The first is the baseline.
const MODES: [&str; 8] =
    ["bare", "noop-wrap_fn", "ours", "own-naive", "actix-web-prom", "logger", "tracing-actix-web", "otel-metrics"];

/// Calls the code with what makes the app of a mode. A macro, because each app has a type of its own.
macro_rules! with_app {
    ($mode:expr, |$app:ident| $body:expr) => {
        match $mode {
            "bare" => {
                let $app = || App::new().configure(routes);
                $body
            }
            "noop-wrap_fn" => {
                let $app = || App::new().wrap_fn(|request, service| service.call(request)).configure(routes);
                $body
            }
            "ours" => {
                let $app = || App::new().wrap(Monitor::default()).configure(routes);
                $body
            }
            "own-naive" => {
                let $app = || App::new().wrap(naive::Naive).configure(routes);
                $body
            }
            "actix-web-prom" => {
                let prom = actix_web_prom();
                let $app = move || App::new().wrap(prom.clone()).configure(routes);
                $body
            }
            "logger" => {
                let $app = || App::new().wrap(middleware::Logger::default()).configure(routes);
                $body
            }
            "tracing-actix-web" => {
                let $app = || App::new().wrap(tracing_actix_web::TracingLogger::default()).configure(routes);
                $body
            }
            "otel-metrics" => {
                let metrics = otel_metrics();
                let $app = move || App::new().wrap(metrics.clone()).configure(routes);
                $body
            }
            mode => panic!("unknown mode {mode}; there are {MODES:?}"),
        }
    };
}

fn main() {
    log::set_logger(&Null).expect("the first logger");
    log::set_max_level(log::LevelFilter::Info);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] | ["inproc"] => inproc(),
        ["serve", mode, port, seconds] => {
            let (port, seconds) = (port.parse().expect("a port"), seconds.parse::<u64>().expect("seconds"));
            with_app!(mode, |app| System::new().block_on(async move {
                let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", port)).expect("a free port").run();
                let handle = server.handle();
                rt::spawn(async move {
                    rt::time::sleep(Duration::from_secs(seconds.min(600))).await;
                    handle.stop(false).await;
                });
                server.await.expect("the server runs");
            }));
        }
        ["requests", mode, path, count] => {
            with_app!(mode, |app| requests(app(), path)(count.parse().expect("a number")))
        }
        ["hostile"] => hostile::run(),
        _ => panic!("web [inproc | requests MODE PATH COUNT | serve MODE PORT SECONDS | hostile]"),
    }
}

fn inproc() {
    // A request takes thousands of steps, and as many each time.
    const REQUESTS: u64 = 5;
    let only = std::env::var("MODES").unwrap_or_default();
    let modes = || MODES.into_iter().filter(|mode| only.is_empty() || only.split(',').any(|one| one == *mode));
    for (path, route) in [("/plaintext", "/plaintext"), ("/users/4711", "/users/{id}")] {
        println!("\n### A request in process, GET {route}\n");
        println!("| middleware | instructions | over bare | allocations | over bare |\n|---|---|---|---|---|");
        let mut bare = None;
        for mode in modes() {
            with_app!(mode, |app| {
                let mut requests = requests(app(), path);
                requests(REQUESTS); // The pools fill.
                let steps = instructions(&mut requests, REQUESTS).expect("the machine counts instructions");
                let (_, heap) = heap(|| requests(REQUESTS));
                let allocations = heap.allocations as f64 / REQUESTS as f64;
                let (bare_steps, bare_allocations) = *bare.get_or_insert((steps, allocations));
                let (more_steps, more_allocations) = (steps - bare_steps, allocations - bare_allocations);
                println!("| {mode} | {steps:.0} | {more_steps:.0} | {allocations:.1} | {more_allocations:.1} |");
            });
        }
    }
}

/// Makes an app serve as many requests as it is told to, one after the other.
fn requests<T, B>(app: App<T>, path: &str) -> impl FnMut(u64)
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>
        + 'static,
    B: MessageBody + 'static,
{
    let system = System::new();
    let service = system.block_on(test::init_service(app));
    move |requests| {
        system.block_on(async {
            for _ in 0..requests {
                let request = test::TestRequest::get().uri(path).to_request();
                let response = test::call_service(&service, request).await;
                drop(black_box(test::read_body(response).await));
            }
        });
    }
}

fn actix_web_prom() -> actix_web_prom::PrometheusMetrics {
    actix_web_prom::PrometheusMetricsBuilder::new("api").endpoint("/metrics").build().expect("valid")
}

fn otel_metrics() -> opentelemetry_instrumentation_actix_web::RequestMetrics {
    let reader = opentelemetry_sdk::metrics::ManualReader::builder().build();
    let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder().with_reader(reader).build();
    opentelemetry::global::set_meter_provider(provider);
    opentelemetry_instrumentation_actix_web::RequestMetrics::builder().build()
}

/// Formats every line, as a logger does, and sends it nowhere.
struct Null;

impl log::Log for Null {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        use std::io::Write;
        let _ = writeln!(std::io::sink(), "{} {}", record.level(), record.args());
    }

    fn flush(&self) {}
}
