//! Who asks: the user of a token if one is sent, else the user of the session. It is found once a request, before
//! whatever wants to know.

use std::future::{Ready, ready};

use actix_identity::IdentityExt;
use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};

use crate::problem::Problem;
use crate::users::{Users, digest};

/// The user who asks; a handler that takes it answers 401 where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedIn(pub(crate) String);

impl FromRequest for SignedIn {
    type Error = Problem;
    type Future = Ready<Result<SignedIn, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<SignedIn>().cloned().ok_or(Problem::NotSignedIn))
    }
}

/// Whoever has the admin's token; a handler that takes it answers 401 to everybody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admin;

/// The digest of the admin's token; without one, there is no admin.
#[derive(Clone, Debug, Default)]
pub(crate) struct AdminToken(pub(crate) Option<String>);

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Ready<Result<Admin, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let wanted = request.app_data::<Data<AdminToken>>().and_then(|token| token.0.as_deref());
        // Digests are compared: how long that takes says nothing of the token.
        let is_admin = bearer(request.headers()).is_some_and(|given| wanted == Some(&digest(given)));
        ready(if is_admin { Ok(Admin) } else { Err(Problem::NotAdmin) })
    }
}

/// Puts the [`SignedIn`] into the request, where there is one.
pub(crate) async fn find(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let user = match bearer(request.headers()) {
        Some(token) => match request.app_data::<Data<Users>>() {
            Some(users) => users.by_token(token).await?,
            None => None,
        },
        // A session that says nothing of a user is none.
        None => request.get_identity().and_then(|identity| identity.id()).ok(),
    };
    if let Some(user) = user {
        request.extensions_mut().insert(SignedIn(user));
    }
    next.call(request).await
}

/// The token that is sent, if one is.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case("Bearer ").then(|| token.trim())
}
