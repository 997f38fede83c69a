//! What a refused request is answered: a status, and a JSON problem (RFC 9457) that says nothing of other accounts and
//! nothing of the store.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::credits::{CreditsError, Refusal};

impl ResponseError for CreditsError {
    fn status_code(&self) -> StatusCode {
        Problem::of(self).status
    }

    fn error_response(&self) -> HttpResponse {
        let Problem { status, kind, title } = Problem::of(self);
        let refused = match self {
            CreditsError::Refused(refused) => Some(refused),
            _ => None,
        };
        let required = refused.map(|refused| refused.required).filter(|_| status == StatusCode::PAYMENT_REQUIRED);
        let shows_balance = refused.is_none_or(|refused| refused.own_account);
        let (required, available) = match self.why() {
            CreditsError::Insufficient { required, available } => (Some(*required), Some(*available)),
            // It was never granted any.
            CreditsError::UnknownAccount { .. } => (required, Some(0)),
            _ => (None, None),
        };
        let mut response = HttpResponse::build(status);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        response.content_type("application/problem+json").json(Body {
            kind,
            title,
            status: status.as_u16(),
            required,
            available: available.filter(|_| shows_balance),
            operation: refused.map(|refused| refused.operation.as_str()),
        })
    }
}

impl Refusal for HttpResponse {
    fn refused(error: CreditsError) -> Self {
        error.error_response()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'a str>,
}

struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
}

impl Problem {
    fn of(error: &CreditsError) -> Problem {
        let (status, kind, title) = match error.why() {
            CreditsError::NoAccount => {
                (StatusCode::UNAUTHORIZED, "urn:problem-type:credits:no-account", "Sign in first")
            }
            CreditsError::Insufficient { .. } | CreditsError::UnknownAccount { .. } => {
                (StatusCode::PAYMENT_REQUIRED, "urn:problem-type:credits:insufficient", "Not enough credits")
            }
            CreditsError::Duplicate { .. } => (
                StatusCode::CONFLICT,
                "urn:problem-type:credits:duplicate",
                "A request with this Idempotency-Key is being served or was paid",
            ),
            CreditsError::Conflict { .. } => (
                StatusCode::CONFLICT,
                "urn:problem-type:credits:conflict",
                "This Idempotency-Key was used for another request",
            ),
            CreditsError::InvalidAmount { .. } => {
                (StatusCode::BAD_REQUEST, "urn:problem-type:credits:invalid-cost", "What was asked for has no price")
            }
            CreditsError::InvalidName { what: "key", .. } => (
                StatusCode::BAD_REQUEST,
                "urn:problem-type:credits:invalid-key",
                "An Idempotency-Key has 1 to 255 bytes without control characters",
            ),
            CreditsError::InvalidName { what: "account", .. } => {
                (StatusCode::BAD_REQUEST, "urn:problem-type:credits:invalid-account", "No account has such a name")
            }
            CreditsError::Unavailable { .. } | CreditsError::InvalidStore { .. } | CreditsError::NewerSchema { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "urn:problem-type:credits:unavailable", "Credits cannot be held now")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "urn:problem-type:credits:failed", "Credits could not be held"),
        };
        Problem { status, kind, title }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::{AccountId, HoldId, HoldState, Operation, Refused};
    use crate::outcome::{Outcome, ToOutcome};

    #[test]
    fn a_refusal_is_the_same_outcome_as_its_response() {
        let account = AccountId::new("ada").expect("a name");
        let operation = Operation::new("report").expect("a name");
        let hold = HoldId::new();
        let name = |what| CreditsError::InvalidName { what, why: "it is empty", bytes: 0 };
        let errors = [
            CreditsError::NoHold,
            CreditsError::NoLedger,
            CreditsError::NoScope,
            CreditsError::NoAccount,
            CreditsError::UnknownAccount { account },
            CreditsError::Insufficient { required: 5, available: 2 },
            CreditsError::Conflict { what: "the key was used for another account" },
            CreditsError::Duplicate { hold, state: HoldState::Open },
            CreditsError::UnknownHold { hold },
            CreditsError::AlreadySettled { hold, state: HoldState::Open },
            CreditsError::ExceedsHold { amount: 5, held: 2 },
            CreditsError::InvalidAmount { amount: -1 },
            CreditsError::TooManyCredits { amount: i64::MAX },
            name("key"),
            name("account"),
            name("operation"),
            CreditsError::InvalidLifetime,
            CreditsError::unavailable("it is down"),
            CreditsError::InvalidStore { why: "no file".to_owned() },
            CreditsError::NewerSchema { found: 2, known: 1 },
        ];
        let mut refusals = 0;
        for why in errors {
            let outcome = Outcome::of_status(why.status_code().as_u16());
            assert_eq!(ToOutcome::outcome(&why), outcome, "{why}");
            refusals += u32::from(outcome == Outcome::Refused);
            let operation = operation.clone();
            let refused = CreditsError::Refused(Box::new(Refused { operation, required: 5, own_account: true, why }));
            assert_eq!(ToOutcome::outcome(&refused), outcome, "{refused}");
        }
        assert_eq!(refusals, 8);
    }
}
