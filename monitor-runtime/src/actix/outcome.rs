//! What actix-web's responses, responders and errors say of the call that gave them.
//!
//! A response has its status. A responder becomes one only when it is asked to, and most do not tell before which: JSON
//! may turn out not to be any, and a status that was set on any responder (`customize()`) cannot be read from it.

use std::borrow::Cow;
use std::fmt;

use actix_web::dev::{Response, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, BytesMut, Form, Html, Json, Redirect};
use actix_web::{CustomizeResponder, Either, Error, HttpResponse, HttpResponseBuilder, ResponseError};

use crate::outcome::{Outcome, ToOutcome, ToVerdict, Verdict};

macro_rules! answers {
    ($([$($generics:tt)*] $answer:ty, $value:ident => $status:expr;)*) => {$(
        impl<$($generics)*> ToOutcome for $answer {
            const IS_ANSWER: bool = true;

            #[inline]
            fn outcome(&self) -> Outcome {
                let $value = self;
                Outcome::of_status($status.as_u16())
            }
        }
    )*};
}
answers! {
    [B] Response<B>, response => response.status();
    // What actix-web answers with this status, whatever the responder's own.
    [R] (R, StatusCode), pair => pair.1;
}

impl<B> ToOutcome for HttpResponse<B> {
    const IS_ANSWER: bool = true;

    #[inline]
    fn outcome(&self) -> Outcome {
        let outcome = Outcome::of_status(self.status().as_u16());
        // A response that was made of an error is not a success, even if it redirects.
        if self.error().is_some() { outcome.of_an_error() } else { outcome }
    }
}

impl<B> ToOutcome for ServiceResponse<B> {
    const IS_ANSWER: bool = true;

    #[inline]
    fn outcome(&self) -> Outcome {
        self.response().outcome()
    }
}

/// Responders that are answered with 200.
macro_rules! texts {
    ($($text:ty)*) => {$(
        impl ToVerdict for $text {
            // Where no answer is made of it, a text that is not there is as good as one that is.
            const NONE: Outcome = Outcome::Success;

            #[inline]
            fn verdict(&self) -> Verdict {
                Verdict::Ended(Outcome::Success)
            }
        }
    )*};
}
texts!(String &str &String Cow<'_, str> Vec<u8> &[u8] Bytes BytesMut Html);

/// Responders that may become any answer.
macro_rules! open {
    ($([$($generics:tt)*] $responder:ty;)*) => {$(
        impl<$($generics)*> ToVerdict for $responder {
            const NONE: Outcome = Outcome::Refused;

            #[inline]
            fn verdict(&self) -> Verdict {
                Verdict::Open(Outcome::Success)
            }
        }
    )*};
}
open! {
    [T] Json<T>;
    [T] Form<T>;
    [R] CustomizeResponder<R>;
    [] HttpResponseBuilder;
    [] Redirect;
}

impl<L: ToVerdict, R: ToVerdict> ToVerdict for Either<L, R> {
    const NONE: Outcome = match (L::NONE, R::NONE) {
        (Outcome::Success, Outcome::Success) => Outcome::Success,
        _ => Outcome::Refused,
    };

    #[inline]
    fn verdict(&self) -> Verdict {
        match self {
            Either::Left(left) => left.verdict(),
            Either::Right(right) => right.verdict(),
        }
    }
}

/// How a call ended that failed with this.
///
/// The client gets the status of `error_response()`, which may be another than `status_code()`. It is not asked here:
/// asking takes the response out of an `InternalError`, wherever one is inside. But an error that says of itself what its
/// response is overrides either both or, wrongly, the response alone, so what is not the default is right; of the default,
/// 500, the answer tells more, where it is seen.
pub(crate) fn of_response_error<E: ResponseError + ?Sized>(error: &E) -> Verdict {
    match error.status_code() {
        StatusCode::INTERNAL_SERVER_ERROR => Verdict::Open(Outcome::Failure),
        status => Verdict::Ended(Outcome::of_status(status.as_u16()).of_an_error()),
    }
}

impl ToOutcome for Error {
    fn outcome(&self) -> Outcome {
        self.error_verdict().alone()
    }

    fn error_verdict(&self) -> Verdict {
        of_response_error(self.as_response_error())
    }
}

impl ToOutcome for Box<dyn ResponseError> {
    fn outcome(&self) -> Outcome {
        self.error_verdict().alone()
    }

    fn error_verdict(&self) -> Verdict {
        of_response_error(&**self)
    }
}

/// As a value it is a responder, and an error all the same. It knows its status.
impl<T: fmt::Debug + fmt::Display> ToOutcome for InternalError<T> {
    fn outcome(&self) -> Outcome {
        Outcome::of_status(self.status_code().as_u16()).of_an_error()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{HttpResponse, ResponseError, error};

    use crate::{Outcome, assert_delta, instrument, metrics};

    metrics! {
        /// Handlers that ran, by how they ended
        counter HANDLED = "actix_handled_total" { outcome: Outcome };
    }

    #[derive(Debug)]
    struct Teapot;

    impl std::fmt::Display for Teapot {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no coffee here")
        }
    }

    impl ResponseError for Teapot {
        fn status_code(&self) -> actix_web::http::StatusCode {
            actix_web::http::StatusCode::IM_A_TEAPOT
        }
    }

    #[actix_web::test]
    async fn a_response_and_an_error_tell_the_outcome_by_their_status() {
        #[instrument(counter = HANDLED, on = "any", outcome)]
        async fn respond(status: u16) -> HttpResponse {
            HttpResponse::build(actix_web::http::StatusCode::from_u16(status).expect("a status")).finish()
        }
        #[instrument(counter = HANDLED, on = "any", outcome)]
        async fn fail(ours: bool) -> actix_web::Result<HttpResponse> {
            Err(if ours { error::ErrorBadGateway("down") } else { error::ErrorNotFound("nothing") })
        }
        #[instrument(counter = HANDLED, on = "any", outcome)]
        async fn brew(pot: bool) -> Result<HttpResponse, Teapot> {
            if pot { Err(Teapot) } else { Ok(HttpResponse::InternalServerError().finish()) }
        }
        assert_delta!(HANDLED { outcome: Outcome::Success }, 1, respond(204).await);
        assert_delta!(HANDLED { outcome: Outcome::Refused }, 1, respond(404).await);
        assert_delta!(HANDLED { outcome: Outcome::Failure }, 1, respond(503).await);
        assert_delta!(HANDLED { outcome: Outcome::Refused }, 1, assert!(fail(false).await.is_err()));
        assert_delta!(HANDLED { outcome: Outcome::Failure }, 1, assert!(fail(true).await.is_err()));
        assert_delta!(HANDLED { outcome: Outcome::Refused }, 1, assert!(brew(true).await.is_err()));
        assert_delta!(HANDLED { outcome: Outcome::Failure }, 1, assert!(brew(false).await.is_ok()));
    }
}
