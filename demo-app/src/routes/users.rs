//! Signing up, in and out, and the tokens. Who may have which name and who is who is in `users`; the cookies are
//! actix-session's.

use actix_identity::Identity;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, delete, post, route};
use monitor_runtime::activity::{self, track_event};
use monitor_runtime::credits::Credits;
use monitor_runtime::instrument;
use serde::{Deserialize, Serialize};

use super::credits::open_account;
use crate::identity::{SignedIn, bearer};
use crate::metrics::USER_SESSIONS;
use crate::problem::Problem;
use crate::proxies;
use crate::sessions::Sessions;
use crate::users::{IssuedToken, Users};

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
    /// What it is revoked by.
    id: i64,
    token: String,
}

/// A token in the list of its user; the token itself is told once.
#[derive(Serialize)]
struct Listed {
    id: i64,
    /// In Unix seconds.
    issued_at: i64,
}

#[post("/signup")]
pub(crate) async fn sign_up(
    form: Json<Login>,
    request: HttpRequest,
    users: Data<Users>,
    credits: Data<Credits>,
) -> Result<HttpResponse, Problem> {
    let Login { user, password } = form.into_inner();
    users.sign_up(&user, password, proxies::client(&request)).await?;
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
    let user = match users.by_password(&user, password, proxies::client(&request)).await {
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
    let user = match users.sign_in_by_token(bearer(request.headers()), proxies::client(&request)).await {
        Ok(Some(user)) => user,
        refused => {
            activity::sign_in_failed("token");
            return Err(refused.err().unwrap_or(Problem::WrongToken));
        }
    };
    open_session(&request, user)
}

#[post("/logout")]
pub(crate) async fn logout(identity: Option<Identity>) -> Result<HttpResponse, Problem> {
    identity.ok_or(Problem::NoSession)?.logout();
    Ok(HttpResponse::NoContent().finish())
}

/// Who asks, or nobody: the page wants to know before anybody signs in.
#[route("/session", method = "GET", method = "HEAD")]
pub(crate) async fn session(user: Option<SignedIn>) -> HttpResponse {
    HttpResponse::Ok().json(Asker { user: user.map(|SignedIn(user)| user) })
}

/// The one time that a token is told.
#[post("/tokens")]
pub(crate) async fn issue_token(user: SignedIn, users: Data<Users>) -> Result<HttpResponse, Problem> {
    let SignedIn(user) = user;
    let (id, token) = users.issue_token(&user).await?;
    Ok(HttpResponse::Created().json(Token { user, id, token }))
}

/// The tokens that the user has.
#[route("/tokens", method = "GET", method = "HEAD")]
pub(crate) async fn tokens(user: SignedIn, users: Data<Users>) -> Result<HttpResponse, Problem> {
    let tokens = users.tokens(&user.0).await?;
    let listed = |IssuedToken { id, issued_s }| Listed { id, issued_at: issued_s };
    Ok(HttpResponse::Ok().json(tokens.into_iter().map(listed).collect::<Vec<_>>()))
}

/// Makes one token worthless. The id as text: what is not a number is an unknown token too.
#[delete("/tokens/{id}")]
pub(crate) async fn revoke_token(
    user: SignedIn,
    id: Path<String>,
    users: Data<Users>,
) -> Result<HttpResponse, Problem> {
    let id = id.parse().map_err(|_| Problem::UnknownToken)?;
    match users.revoke_tokens(&user.0, Some(id)).await? {
        0 => Err(Problem::UnknownToken),
        _ => Ok(HttpResponse::NoContent().finish()),
    }
}

/// Makes all tokens of the user worthless.
#[delete("/tokens")]
pub(crate) async fn revoke_tokens(user: SignedIn, users: Data<Users>) -> Result<HttpResponse, Problem> {
    users.revoke_tokens(&user.0, None).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Signs the user out everywhere, here too.
#[delete("/sessions")]
pub(crate) async fn end_sessions(
    user: SignedIn,
    identity: Option<Identity>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    sessions.end_all(&user.0).await?;
    if let Some(identity) = identity {
        identity.logout();
    }
    Ok(HttpResponse::NoContent().finish())
}

/// A session with a key of its own, whatever the client had before.
fn open_session(request: &HttpRequest, user: String) -> Result<HttpResponse, Problem> {
    Identity::login(&request.extensions(), user.clone()).map_err(|error| Problem::Internal(error.to_string()))?;
    Ok(HttpResponse::Ok().json(Welcome { user }))
}
