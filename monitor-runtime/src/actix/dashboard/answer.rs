//! What every answer of the live page says, whatever its body.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};

/// What the page may load, and who may show it in a frame: itself, and nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn busy(why: &'static str) -> HttpResponse {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE);
    response.insert_header((header::RETRY_AFTER, "2"));
    response.content_type("text/plain; charset=utf-8").body(format!("{why}\n"))
}

/// What every answer says.
pub(super) fn answer(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-origin"))
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"));
    response
}
