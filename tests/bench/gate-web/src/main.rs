//! The gate of the middleware: what a request costs through it over bare actix-web, in process, in instructions and
//! allocations. Fails when one costs more than its limit. Apart from `gate`, which then needs no actix-web.
//!
//! `gate-web [part of a case's name]`.

use std::pin::Pin;
use std::process::ExitCode;

use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::http::header;
use actix_web::rt::{System, SystemRunner};
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{Error, HttpResponse, get, web};
use harness::{black_box, heap, instructions};
use monitor_runtime::actix::Monitor;
use monitor_runtime::clock;

async fn hello() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("Hello, World!")
}

async fn user(id: web::Path<u32>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body(id.to_string())
}

#[get("/named")]
async fn named() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("Hello, World!")
}

#[get("/named/{id}")]
async fn named_user(id: web::Path<u32>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body(id.to_string())
}

/// Routes as `#[get]` makes them have names.
fn routes_named(config: &mut web::ServiceConfig) {
    config.service(named).service(named_user);
}

fn routes(config: &mut web::ServiceConfig) {
    config.route("/plaintext", web::get().to(hello)).route("/users/{id}", web::get().to(user));
}

/// The most that a request may take over one through the bare app: a name, a path, instructions, allocations.
///
/// Detection is in it, which takes 300 of the instructions; the target with it is 1,300 and 1 allocation. It is missed for
/// a parameter without a name, and where no route matches, because actix-web looks for one once more. Telling the
/// toolkit's own pages and failures that were told already takes 105 of them. The limits are what was measured and 3 % more.
const LIMITS: [(&str, fn(&mut web::ServiceConfig), &str, f64, f64); 5] = [
    ("a request, #[get(\"/named\")]", routes_named, "/named", 1_225.0, 0.0),
    ("a request, #[get(\"/named/{id}\")]", routes_named, "/named/4711", 1_225.0, 0.0),
    ("a request, route(\"/plaintext\")", routes, "/plaintext", 1_315.0, 0.0),
    ("a request, route(\"/users/{id}\")", routes, "/users/4711", 1_415.0, 0.0),
    ("a request, no route", routes, "/nowhere", 2_850.0, 1.0),
];

struct Cost {
    instructions: f64,
    allocations: f64,
}

/// As the server gives a request without a body: a request made for tests has an empty stream in its place.
macro_rules! without_a_body {
    ($request:expr) => {
        $request.to_request().replace_payload(Payload::None).0
    };
}

fn main() -> ExitCode {
    println!("| case | instructions | limit | allocations | limit | |\n|---|---|---|---|---|---|");
    // Single steps take so long that seconds would pass between a few requests, and the detection judges what came in a
    // second together: with time standing still the count is that of a busy service, and the same in every run.
    let _still = clock::Manual::start();
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let mut held = true;
    for (name, routes, path, limit, allocations) in LIMITS.into_iter().filter(|(name, ..)| name.contains(&wanted)) {
        let cost = match over_bare(routes, path) {
            Ok(cost) => cost,
            Err(reason) => {
                eprintln!("cannot measure {name}: {reason}");
                return ExitCode::FAILURE;
            }
        };
        let holds = cost.instructions <= limit && cost.allocations <= allocations;
        held &= holds;
        println!(
            "| {name} | {:.0} | {limit:.0} | {:.2} | {allocations:.0} | {} |",
            cost.instructions,
            cost.allocations,
            if holds { "" } else { "**over**" },
        );
    }
    if held {
        return ExitCode::SUCCESS;
    }
    eprintln!("a case is over its limit: mend the code, or, if what it buys is worth it, the limit in {}", file!());
    ExitCode::FAILURE
}

/// A service whose type says nothing of what is in it, so that the code around it is the same with the middleware and
/// without. Otherwise the compiler does better around the one than around the other, by up to a hundred instructions.
type App = Box<dyn Fn(TestRequest) -> Pin<Box<dyn Future<Output = Result<ServiceResponse, Error>>>>>;

fn over_bare(routes: fn(&mut web::ServiceConfig), path: &'static str) -> Result<Cost, String> {
    let system = System::new();
    // A macro, because the two services have types of which neither can be written.
    macro_rules! app {
        ($app:expr) => {{
            let service = system.block_on(init_service($app.configure(routes)));
            let app: App = Box::new(move |request: TestRequest| Box::pin(service.call(without_a_body!(request))));
            app
        }};
    }
    let (bare, ours) = (app!(actix_web::App::new()), app!(actix_web::App::new().wrap(Monitor::default())));
    let (bare, ours) = (cost(&system, &bare, path)?, cost(&system, &ours, path)?);
    Ok(Cost { instructions: ours.instructions - bare.instructions, allocations: ours.allocations - bare.allocations })
}

#[inline(never)]
fn cost(system: &SystemRunner, app: &App, path: &str) -> Result<Cost, String> {
    // Few, because a request takes thousands of steps; and so many that what is done once in sixteen requests, to judge
    // them all, is done as often as it is.
    const REQUESTS: u64 = 16;
    let mut requests = |requests: u64| {
        system.block_on(async {
            for _ in 0..requests {
                let request = TestRequest::get()
                    .uri(path)
                    .insert_header((header::HOST, "localhost"))
                    .insert_header((header::USER_AGENT, "gate"));
                let response = app(request).await.expect("the app answers");
                drop(black_box(read_body(response).await));
            }
        });
    };
    requests(REQUESTS);
    let instructions = instructions(&mut requests, REQUESTS)?;
    let (_, heap) = heap(|| requests(REQUESTS));
    Ok(Cost { instructions, allocations: heap.allocations as f64 / REQUESTS as f64 })
}
