//! Signing up, in and out, and the tokens. Who may have which name and who is who is in `users`; the cookies are
//! actix-session's.

use actix_identity::Identity;
use actix_web::web::{Data, Json};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, get, post};
use monitor_runtime::activity::{self, track_event};
use monitor_runtime::credits::Credits;
use monitor_runtime::instrument;
use serde::{Deserialize, Serialize};

use super::credits::open_account;
use crate::identity::{SignedIn, bearer};
use crate::metrics::USER_SESSIONS;
use crate::problem::Problem;
use crate::users::Users;

/// It cannot be printed: a password is nobody's business.
#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

#[derive(Serialize)]
struct Welcome {
    user: String,
}

#[derive(Serialize)]
struct Asker {
    user: Option<String>,
}

#[derive(Serialize)]
struct Token {
    user: String,
    token: String,
}

#[post("/signup")]
pub(crate) async fn sign_up(
    form: Json<Login>,
    request: HttpRequest,
    users: Data<Users>,
    credits: Data<Credits>,
) -> Result<HttpResponse, Problem> {
    let Login { user, password } = form.into_inner();
    users.sign_up(&user, password, address(&request)).await?;
    open_account(&credits, &user).await?;
    track_event!("sign_up", &user);
    Ok(HttpResponse::Created().json(Welcome { user }))
}

#[post("/login")]
#[instrument(counter = USER_SESSIONS, auth_method = "password")]
pub(crate) async fn login(
    form: Json<Login>,
    request: HttpRequest,
    users: Data<Users>,
    credits: Data<Credits>,
) -> Result<HttpResponse, Problem> {
    let Login { user, password } = form.into_inner();
    let user = match users.by_password(&user, password, address(&request)).await {
        Ok(user) => user,
        Err(problem) => {
            activity::sign_in_failed("password");
            return Err(problem);
        }
    };
    // Where the service was killed as the user signed up, that is made good here.
    open_account(&credits, &user).await?;
    open_session(&request, user)
}

/// Opens a session for whoever sends a token.
#[post("/login/token")]
#[instrument(counter = USER_SESSIONS, auth_method = "token")]
pub(crate) async fn login_by_token(request: HttpRequest, users: Data<Users>) -> Result<HttpResponse, Problem> {
    let user = match bearer(request.headers()) {
        Some(token) => users.by_token(token).await?,
        None => None,
    };
    let Some(user) = user else {
        activity::sign_in_failed("token");
        return Err(Problem::WrongToken);
    };
    open_session(&request, user)
}

#[post("/logout")]
pub(crate) async fn logout(identity: Option<Identity>) -> Result<HttpResponse, Problem> {
    identity.ok_or(Problem::NoSession)?.logout();
    Ok(HttpResponse::NoContent().finish())
}

/// Who asks, or nobody: the page wants to know before anybody signs in.
#[get("/session")]
pub(crate) async fn session(user: Option<SignedIn>) -> HttpResponse {
    HttpResponse::Ok().json(Asker { user: user.map(|SignedIn(user)| user) })
}

/// The one time that a token is told.
#[post("/tokens")]
pub(crate) async fn issue_token(user: SignedIn, users: Data<Users>) -> Result<HttpResponse, Problem> {
    let SignedIn(user) = user;
    let token = users.issue_token(&user).await?;
    Ok(HttpResponse::Created().json(Token { user, token }))
}

/// A session with a key of its own, whatever the client had before.
fn open_session(request: &HttpRequest, user: String) -> Result<HttpResponse, Problem> {
    Identity::login(&request.extensions(), user.clone()).map_err(|error| Problem::Internal(error.to_string()))?;
    Ok(HttpResponse::Ok().json(Welcome { user }))
}

fn address(request: &HttpRequest) -> Option<std::net::IpAddr> {
    Some(request.peer_addr()?.ip())
}
