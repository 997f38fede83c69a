//! What every answer of the live page says, whatever its body.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};

pub(super) use super::super::headers::secured as answer;

pub(super) fn busy(why: &'static str) -> HttpResponse {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE);
    response.insert_header((header::RETRY_AFTER, "2"));
    response.content_type("text/plain; charset=utf-8").body(format!("{why}\n"))
}
