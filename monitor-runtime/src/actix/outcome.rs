//! What actix-web's responses and errors say of the call that gave them.

use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse};

use crate::outcome::{Outcome, ToOutcome};

impl<B> ToOutcome for HttpResponse<B> {
    fn outcome(&self) -> Outcome {
        Outcome::of_status(self.status().as_u16())
    }
}

impl<B> ToOutcome for ServiceResponse<B> {
    fn outcome(&self) -> Outcome {
        Outcome::of_status(self.status().as_u16())
    }
}

/// What actix-web answers with this status.
impl<R> ToOutcome for (R, StatusCode) {
    fn outcome(&self) -> Outcome {
        Outcome::of_status(self.1.as_u16())
    }
}

impl ToOutcome for Error {
    fn outcome(&self) -> Outcome {
        Outcome::of_status(self.as_response_error().status_code().as_u16())
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
