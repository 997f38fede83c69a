//! What the service answers when it refuses or fails: a status and a JSON problem (RFC 9457).

use std::fmt;

use actix_web::error::{BlockingError, JsonPayloadError};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

/// Why a request was not served.
#[derive(Debug)]
pub(crate) enum Problem {
    /// One answer for a wrong password and for an unknown user: who has an account is nobody's business.
    WrongPassword,
    NoSession,
    UnknownItem(String),
    NoSuchPage,
    Json(JsonPayloadError),
    /// The system gave no random bytes for a token.
    NoToken(getrandom::Error),
    /// The thread that made a report was lost.
    Report(BlockingError),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::WrongPassword => write!(f, "wrong user or password"),
            Problem::NoSession => write!(f, "no session is open; log in first"),
            Problem::UnknownItem(id) => write!(f, "there is no item `{id}`; GET /items lists them"),
            Problem::NoSuchPage => write!(f, "there is nothing here; GET / lists what there is"),
            Problem::Json(JsonPayloadError::ContentType) => {
                write!(f, "send JSON, with `Content-Type: application/json`")
            }
            Problem::Json(error) => error.fmt(f),
            Problem::NoToken(error) => write!(f, "no random bytes for a session token: {error}"),
            Problem::Report(error) => write!(f, "the report was not finished: {error}"),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Problem::WrongPassword | Problem::NoSession => StatusCode::UNAUTHORIZED,
            Problem::UnknownItem(_) | Problem::NoSuchPage => StatusCode::NOT_FOUND,
            Problem::Json(JsonPayloadError::ContentType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Problem::Json(error) => error.status_code(),
            Problem::NoToken(_) | Problem::Report(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        HttpResponse::build(status).content_type("application/problem+json").json(Body {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or_default(),
            detail: self.to_string(),
        })
    }
}

/// Without a `type` member: `about:blank`, whose title is the status's own.
#[derive(Serialize)]
struct Body {
    status: u16,
    title: &'static str,
    detail: String,
}
