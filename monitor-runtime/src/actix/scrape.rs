//! Serves the page of metrics; what stands on it and how it is written is the exposition's.

use actix_web::{
    HttpRequest, HttpResponse,
    dev::{AppService, HttpServiceFactory},
    guard,
    http::header,
    web,
};
use prometheus::Registry;

use crate::exposition::{Format, encode};

/// The page of metrics at `path`, for GET and HEAD: OpenMetrics for whom the Accept header says so, the text format
/// for everyone else. It shows the default registry unless it is given another.
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use monitor_runtime::actix::scrape;
///
/// # async fn run() -> std::io::Result<()> {
/// HttpServer::new(|| App::new().service(scrape("/metrics"))).bind(("127.0.0.1", 8080))?.run().await
/// # }
/// ```
#[must_use]
pub fn scrape(path: &str) -> Scrape {
    Scrape { path: path.to_owned(), registry: prometheus::default_registry().clone() }
}

/// The service that [`scrape`] makes.
#[derive(Clone, Debug)]
pub struct Scrape {
    path: String,
    registry: Registry,
}

impl Scrape {
    /// Shows this registry in place of the default one.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Scrape {
        self.registry = registry;
        self
    }
}

impl HttpServiceFactory for Scrape {
    fn register(self, config: &mut AppService) {
        let Scrape { path, registry } = self;
        web::resource(path)
            .route(web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(move |request: HttpRequest| {
                let response = page(&registry, &request);
                async { response }
            }))
            .default_service(web::to(|| async {
                HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD")).finish()
            }))
            .register(config);
    }
}

/// The whole page is made before the response begins: no scraper gets half of one with a status of 200.
fn page(registry: &Registry, request: &HttpRequest) -> HttpResponse {
    // Several lines of a header are one list (RFC 9110, section 5.3).
    let accept: Vec<&str> = request.headers().get_all(header::ACCEPT).filter_map(|line| line.to_str().ok()).collect();
    let format = Format::from_accept(Some(&accept.join(",")));
    let mut body = Vec::new();
    match encode(registry, format, &mut body) {
        Ok(()) => {
            HttpResponse::Ok().content_type(format.content_type()).insert_header((header::VARY, "Accept")).body(body)
        }
        Err(error) => HttpResponse::InternalServerError()
            .content_type("text/plain; charset=utf-8")
            .body(format!("the page of metrics could not be written: {error}\n")),
    }
}
