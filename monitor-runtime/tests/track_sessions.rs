//! Sessions and identities of actix-web raise the signals of who is here.
#![cfg(all(feature = "actix-session", not(loom)))]

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::{Cookie, Key};
use actix_web::dev::ServiceResponse;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, web};
use monitor_runtime::activity::Activity;
use monitor_runtime::actix::{OnBehalf, SignInMethod, TrackSessions};
use monitor_runtime::prometheus::Registry;
use monitor_runtime::{instrument, metrics, sample_value, sample_value_in};

async fn login(request: HttpRequest, user: web::Path<String>) -> actix_web::Result<HttpResponse> {
    request.extensions_mut().insert(SignInMethod("password"));
    Identity::login(&request.extensions(), user.into_inner())?;
    Ok(HttpResponse::Ok().finish())
}

async fn fail() -> HttpResponse {
    HttpResponse::Unauthorized().finish()
}

async fn logout(identity: Option<Identity>) -> HttpResponse {
    if let Some(identity) = identity {
        identity.logout();
    }
    HttpResponse::Ok().finish()
}

async fn cart(session: Session) -> actix_web::Result<HttpResponse> {
    session.insert("cart", 1)?;
    Ok(HttpResponse::Ok().finish())
}

async fn purge(session: Session) -> HttpResponse {
    session.purge();
    HttpResponse::Ok().finish()
}

async fn look() -> HttpResponse {
    HttpResponse::Ok().finish()
}

macro_rules! service {
    ($track:expr) => {
        init_service(
            App::new()
                .route("/login/{user}", web::post().to(login))
                .route("/fail", web::post().to(fail))
                .route("/logout", web::post().to(logout))
                .route("/cart", web::post().to(cart))
                .route("/purge", web::post().to(purge))
                .route("/", web::get().to(look))
                .wrap($track)
                .wrap(IdentityMiddleware::default())
                .wrap(
                    SessionMiddleware::builder(CookieSessionStore::default(), Key::from(&[7; 64]))
                        .cookie_secure(false)
                        .build(),
                ),
        )
        .await
    };
}

/// A browser: it keeps its cookie.
#[derive(Default)]
struct Browser(Option<Cookie<'static>>);

impl Browser {
    fn sends(&self, request: TestRequest) -> TestRequest {
        match &self.0 {
            Some(cookie) => request.cookie(cookie.clone()),
            None => request,
        }
    }

    fn keeps<B>(&mut self, response: &ServiceResponse<B>) {
        if let Some(cookie) = response.response().cookies().next() {
            self.0 = (!cookie.value().is_empty()).then(|| cookie.into_owned());
        }
    }
}

macro_rules! ask {
    ($browser:expr, $service:expr, $request:expr) => {{
        let browser = &mut $browser;
        let response = call_service(&$service, browser.sends($request).to_request()).await;
        browser.keeps(&response);
    }};
}

fn post(path: &str) -> TestRequest {
    TestRequest::post().uri(path)
}

struct Numbers(Registry);

impl Numbers {
    fn of(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        sample_value_in(&self.0, name, labels).unwrap_or(0.0)
    }

    fn sign_ins(&self) -> f64 {
        self.of("user_sessions_total", &[("auth_method", "password")])
    }

    fn open(&self) -> f64 {
        self.of("user_sessions_open", &[])
    }

    fn active(&self) -> f64 {
        self.of("active_users", &[("timeframe", "1m")])
    }
}

fn activity() -> (Activity, Numbers) {
    let registry = Registry::new();
    (Activity::builder().registry(&registry).build().expect("the settings are right"), Numbers(registry))
}

#[actix_web::test]
async fn a_login_is_one_session_and_a_logout_ends_it() {
    let (activity, numbers) = activity();
    let service = service!(TrackSessions::default().to(activity));
    let (mut ada, mut grace) = (Browser::default(), Browser::default());
    ask!(ada, service, TestRequest::get());
    ask!(ada, service, post("/fail"));
    assert_eq!((numbers.sign_ins(), numbers.open(), numbers.active()), (0.0, 0.0, 0.0));
    ask!(ada, service, post("/login/ada"));
    assert_eq!((numbers.sign_ins(), numbers.open(), numbers.active()), (1.0, 1.0, 1.0));
    ask!(ada, service, TestRequest::get());
    ask!(ada, service, post("/cart"));
    assert_eq!((numbers.sign_ins(), numbers.open(), numbers.active()), (1.0, 1.0, 1.0));
    ask!(grace, service, post("/login/grace"));
    assert_eq!((numbers.sign_ins(), numbers.open(), numbers.active()), (2.0, 2.0, 2.0));
    ask!(ada, service, post("/logout"));
    assert_eq!((numbers.of("user_sign_outs_total", &[]), numbers.open()), (1.0, 1.0));
    assert_eq!(numbers.of("user_sessions_ended_total", &[("reason", "closed")]), 1.0);
    assert_eq!(numbers.of("user_session_seconds_count", &[]), 1.0);
    ask!(ada, service, post("/logout"));
    ask!(ada, service, TestRequest::get());
    assert_eq!((numbers.of("user_sign_outs_total", &[]), numbers.open()), (1.0, 1.0));
    // She was here within the minute, signed out or not.
    assert_eq!(numbers.active(), 2.0);
}

#[actix_web::test]
async fn a_session_without_a_user_is_a_session_and_no_user() {
    let (activity, numbers) = activity();
    let service = service!(TrackSessions::default().to(activity));
    let mut somebody = Browser::default();
    ask!(somebody, service, post("/cart"));
    ask!(somebody, service, post("/cart"));
    assert_eq!((numbers.open(), numbers.active()), (1.0, 0.0));
    ask!(somebody, service, post("/purge"));
    assert_eq!((numbers.open(), numbers.of("user_sign_outs_total", &[])), (0.0, 0.0));
}

#[actix_web::test]
async fn one_user_after_another_in_one_browser() {
    let (activity, numbers) = activity();
    let service = service!(TrackSessions::default().to(activity));
    let mut browser = Browser::default();
    ask!(browser, service, post("/login/ada"));
    ask!(browser, service, post("/login/grace"));
    assert_eq!((numbers.sign_ins(), numbers.active()), (2.0, 2.0));
    assert_eq!((numbers.of("user_sign_outs_total", &[]), numbers.open()), (1.0, 1.0));
}

#[actix_web::test]
async fn a_session_of_a_former_process_is_open_here() {
    let mut browser = Browser::default();
    {
        let (activity, _) = activity();
        let service = service!(TrackSessions::default().to(activity));
        ask!(browser, service, post("/login/ada"));
    }
    let (activity, numbers) = activity();
    let service = service!(TrackSessions::default().to(activity));
    ask!(browser, service, TestRequest::get());
    assert_eq!((numbers.sign_ins(), numbers.open(), numbers.active()), (0.0, 1.0, 1.0));
    ask!(browser, service, post("/logout"));
    assert_eq!((numbers.open(), numbers.of("user_session_seconds_count", &[])), (0.0, 1.0));
}

#[actix_web::test]
async fn an_attribute_may_count_the_sign_ins() {
    let (activity, numbers) = activity();
    let service = service!(TrackSessions::default().to(activity).without_sign_ins());
    ask!(Browser::default(), service, post("/login/ada"));
    assert_eq!((numbers.sign_ins(), numbers.open(), numbers.active()), (0.0, 1.0, 1.0));
}

#[actix_web::test]
async fn the_account_of_a_request_is_active_without_more_ado() {
    let account =
        |request: &actix_web::dev::ServiceRequest| Some(request.headers().get("x-account")?.to_str().ok()?.to_owned());
    let service = init_service(App::new().route("/", web::get().to(look)).wrap(OnBehalf::of(account))).await;
    let day = || sample_value("active_users", &[("timeframe", "1d")]).expect("it is on the page from the start");
    let before = day();
    call_service(&service, TestRequest::get().to_request()).await;
    assert_eq!(day(), before);
    for account in ["track_sessions ada", "track_sessions ada", "track_sessions grace"] {
        call_service(&service, TestRequest::get().insert_header(("x-account", account)).to_request()).await;
    }
    assert_eq!(day(), before + 2.0);
}

metrics! {
    /// Sessions as the application declares them
    counter USER_SESSIONS = "user_sessions_total" { auth_method: &'static str };
}

fn sign_in(request: &HttpRequest, user: &str) -> actix_web::Result<HttpResponse> {
    Identity::login(&request.extensions(), user.to_owned())?;
    Ok(HttpResponse::Ok().finish())
}

#[instrument(counter = USER_SESSIONS, auth_method = "attribute")]
async fn by_attribute(request: HttpRequest, user: web::Path<String>) -> actix_web::Result<HttpResponse> {
    actix_web::rt::task::yield_now().await;
    sign_in(&request, &user)
}

#[instrument(counter = USER_SESSIONS, auth_method = "refused")]
async fn refused_by_attribute() -> HttpResponse {
    HttpResponse::Unauthorized().finish()
}

async fn by_hand(request: HttpRequest, user: web::Path<String>) -> actix_web::Result<HttpResponse> {
    USER_SESSIONS.with(USER_SESSIONS { auth_method: "hand" }).inc();
    actix_web::rt::task::yield_now().await;
    sign_in(&request, &user)
}

async fn by_signal(request: HttpRequest, user: web::Path<String>) -> actix_web::Result<HttpResponse> {
    monitor_runtime::activity::signed_in(user.as_bytes(), "signal");
    sign_in(&request, &user)
}

async fn by_nobody(request: HttpRequest, user: web::Path<String>) -> actix_web::Result<HttpResponse> {
    // Long enough for the others to be served meanwhile on this thread.
    for _ in 0..50 {
        actix_web::rt::task::yield_now().await;
    }
    sign_in(&request, &user)
}

#[actix_web::test]
async fn one_sign_in_is_one_session_however_it_is_counted() {
    let app = init_service(
        App::new()
            .route("/attribute/{user}", web::post().to(by_attribute))
            .route("/refused/{user}", web::post().to(refused_by_attribute))
            .route("/hand/{user}", web::post().to(by_hand))
            .route("/signal/{user}", web::post().to(by_signal))
            .route("/nobody/{user}", web::post().to(by_nobody))
            .wrap(TrackSessions::default())
            .wrap(IdentityMiddleware::default())
            .wrap(
                SessionMiddleware::builder(CookieSessionStore::default(), Key::from(&[7; 64]))
                    .cookie_secure(false)
                    .build(),
            ),
    )
    .await;
    let sessions = |method: &str| sample_value("user_sessions_total", &[("auth_method", method)]).unwrap_or(0.0);
    // Other tests of this process sign in under this name, so it is compared.
    let before = sessions("session");
    let ask = |path: &'static str| call_service(&app, TestRequest::post().uri(path).to_request());
    // The second of those that nobody counts is served while the others are.
    futures_util::future::join5(
        ask("/nobody/ada"),
        ask("/attribute/bob"),
        ask("/hand/cy"),
        ask("/signal/dan"),
        ask("/refused/eve"),
    )
    .await;
    ask("/nobody/fay").await;
    for (method, count) in [("attribute", 1.0), ("hand", 1.0), ("signal", 1.0), ("refused", 0.0)] {
        assert_eq!(sessions(method), count, "{method}");
    }
    assert_eq!(sessions("session") - before, 2.0);
}
