//! What the service answers when it refuses or fails: a status and a JSON problem (RFC 9457).

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use actix_web::error::{JsonPayloadError, PayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use monitor_runtime::credits::CreditsError;
use serde::Serialize;

use crate::store_error::StoreError;

/// Why a request was not served.
#[derive(Debug)]
pub(crate) enum Problem {
    /// One answer for a wrong password and for an unknown user: who has an account is nobody's business.
    WrongPassword,
    WrongToken,
    NoSession,
    NotSignedIn,
    NotAdmin,
    /// A page of another site asks for a change.
    OtherSite,
    UnknownToken,
    UnknownUser,
    NameTaken,
    BadName,
    BadPassword,
    TooManyAttempts {
        wait: Duration,
    },
    /// More wait to have a password checked than is good for anybody.
    Busy,
    UnknownItem(String),
    NoSuchPage,
    Json(JsonPayloadError),
    /// The system gave no random bytes.
    NoRandom(getrandom::Error),
    /// The users cannot be read or written.
    Users(StoreError),
    /// The sessions cannot: why, in words that no client is told.
    Sessions(String),
    /// A value that is out of its range: which, and what would be in it.
    Bad(String),
    /// Whoever asked wanted it.
    OnPurpose,
    /// Somebody switched a fault on.
    SwitchedToFail,
    /// The printer of the flaky report is out of paper again.
    OutOfPaper,
    /// The ledger refuses, or does not answer; it says so in its own words.
    Credits(CreditsError),
    /// Something of our own went wrong.
    Internal(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::WrongPassword => write!(f, "wrong user or password"),
            Problem::WrongToken => {
                write!(f, "send a token of yours as `Authorization: Bearer ..`; POST /tokens makes one")
            }
            Problem::NoSession => write!(f, "no session is open; log in first"),
            Problem::NotSignedIn => {
                write!(f, "sign in first: POST /login, or send a token as `Authorization: Bearer ..`")
            }
            Problem::NotAdmin => write!(f, "send the admin's token as `Authorization: Bearer ..`; see --admin-token"),
            Problem::OtherSite => write!(f, "a page of another site asks for this; open it on this service's own page"),
            Problem::UnknownToken => write!(f, "you have no such token; GET /tokens lists them"),
            Problem::UnknownUser => write!(f, "there is no user of this name"),
            Problem::NameTaken => write!(f, "this name is taken"),
            Problem::BadName => {
                write!(f, "take 1 to 64 of a-z, 0-9, `.`, `_` and `-` for a name, a letter or a digit first")
            }
            Problem::BadPassword => write!(f, "take 8 to 1024 bytes for a password"),
            Problem::TooManyAttempts { wait } => write!(f, "too many attempts; wait {} s", seconds(*wait)),
            Problem::Busy => write!(f, "too many ask for this at once; try again in a second"),
            Problem::UnknownItem(id) => write!(f, "there is no item `{id}`; GET /items lists them"),
            Problem::NoSuchPage => write!(f, "there is nothing here; GET / lists what there is"),
            Problem::Json(JsonPayloadError::ContentType) => {
                write!(f, "send JSON, with `Content-Type: application/json`")
            }
            // What serde says repeats what was sent: a password in the wrong place, for one.
            Problem::Json(JsonPayloadError::Deserialize(error)) => {
                write!(f, "this is not the JSON that is wanted here (line {}, column {})", error.line(), error.column())
            }
            Problem::Json(error) if is_late(error) => write!(f, "the body did not arrive in time"),
            Problem::Json(error) => error.fmt(f),
            Problem::NoRandom(error) => write!(f, "no random bytes: {error}"),
            Problem::Users(_) => write!(f, "the users cannot be asked at the moment"),
            Problem::Sessions(_) => write!(f, "the sessions cannot be asked at the moment"),
            Problem::Bad(what) => f.write_str(what),
            Problem::OnPurpose => write!(f, "this is the error that you asked for"),
            Problem::SwitchedToFail => {
                write!(f, "this endpoint was told to fail for a while; DELETE /monitoring/faults puts an end to it")
            }
            Problem::OutOfPaper => write!(f, "the printer is out of paper, as now and then; it costs nothing"),
            Problem::Credits(error) => error.fmt(f),
            Problem::Internal(what) => write!(f, "this went wrong here: {what}"),
        }
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Problem::WrongPassword
            | Problem::WrongToken
            | Problem::NoSession
            | Problem::NotSignedIn
            | Problem::NotAdmin => StatusCode::UNAUTHORIZED,
            Problem::OtherSite => StatusCode::FORBIDDEN,
            Problem::NameTaken => StatusCode::CONFLICT,
            Problem::BadName | Problem::BadPassword | Problem::Bad(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Problem::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            Problem::UnknownItem(_) | Problem::UnknownToken | Problem::UnknownUser | Problem::NoSuchPage => {
                StatusCode::NOT_FOUND
            }
            Problem::Json(JsonPayloadError::ContentType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Problem::Json(error) if is_late(error) => StatusCode::REQUEST_TIMEOUT,
            Problem::Json(error) => error.status_code(),
            Problem::Credits(error) => error.status_code(),
            Problem::Busy | Problem::Users(_) | Problem::Sessions(_) => StatusCode::SERVICE_UNAVAILABLE,
            Problem::OnPurpose
            | Problem::SwitchedToFail
            | Problem::OutOfPaper
            | Problem::NoRandom(_)
            | Problem::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Problem::Credits(error) = self {
            return error.error_response();
        }
        // What the client is not told.
        match self {
            Problem::Users(error) => tracing::error!(%error, "the users cannot be asked"),
            Problem::Sessions(error) => tracing::error!(error, "the sessions cannot be asked"),
            _ => {}
        }
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        match self {
            Problem::TooManyAttempts { wait } => {
                response.insert_header((RETRY_AFTER, seconds(*wait)));
            }
            Problem::Busy | Problem::Users(_) | Problem::Sessions(_) => {
                response.insert_header((RETRY_AFTER, 1));
            }
            Problem::WrongToken | Problem::NotAdmin => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer"));
            }
            _ => {}
        }
        response.content_type("application/problem+json").json(Body {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or_default(),
            detail: self.to_string(),
        })
    }
}

/// Whether a body did not arrive in its time.
fn is_late(error: &JsonPayloadError) -> bool {
    matches!(error, JsonPayloadError::Payload(PayloadError::Io(error)) if error.kind() == ErrorKind::TimedOut)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem::Users(error)
    }
}

impl From<CreditsError> for Problem {
    fn from(error: CreditsError) -> Problem {
        Problem::Credits(error)
    }
}

/// Whole seconds, of which too few would be refused again.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Without a `type` member: `about:blank`, whose title is the status's own.
#[derive(Serialize)]
struct Body {
    status: u16,
    title: &'static str,
    detail: String,
}
