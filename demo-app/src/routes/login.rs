//! Logging in and out: the password, the cookie. The sessions themselves are kept by `sessions`.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, post};
use monitor_runtime::instrument;
use serde::{Deserialize, Serialize};

use crate::metrics::USER_SESSIONS;
use crate::problem::Problem;
use crate::sessions::Sessions;
use crate::users;

const COOKIE: &str = "session";

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

#[derive(Serialize)]
struct Welcome {
    user: &'static str,
}

#[post("/login")]
#[instrument(counter = USER_SESSIONS, auth_method = "password")]
pub(crate) async fn login(form: Json<Login>, sessions: Data<Sessions>) -> Result<HttpResponse, Problem> {
    let user = users::check(&form.user, &form.password).ok_or(Problem::WrongPassword)?;
    let token = sessions.open().map_err(Problem::NoToken)?;
    Ok(HttpResponse::Ok().cookie(cookie(token)).json(Welcome { user }))
}

#[post("/logout")]
pub(crate) async fn logout(request: HttpRequest, sessions: Data<Sessions>) -> Result<HttpResponse, Problem> {
    let token = request.cookie(COOKIE).ok_or(Problem::NoSession)?;
    if !sessions.close(token.value()) {
        return Err(Problem::NoSession);
    }
    let mut gone = cookie(String::new());
    gone.make_removal();
    Ok(HttpResponse::NoContent().cookie(gone).finish())
}

/// Not `Secure`: the demo speaks plain HTTP on loopback.
fn cookie(token: String) -> Cookie<'static> {
    Cookie::build(COOKIE, token).path("/").http_only(true).same_site(SameSite::Lax).finish()
}
