//! The middleware that raises the signals of [`activity`](crate::activity) from the sessions of actix-session and the
//! identities of actix-identity: it compares both before and after a request.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready as polled};

use actix_identity::IdentityExt;
use actix_session::SessionExt;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, HttpMessage, HttpRequest};
use pin_project_lite::pin_project;

use super::own::OwnPages;
use crate::activity::{self, Activity};
use crate::clock;

/// Tells who is here from the sessions of actix-session and the identities of actix-identity: sign-ins and sign-outs,
/// sessions that open and close, and the user of each request as seen.
///
/// ```no_run
/// use actix_identity::{Identity, IdentityMiddleware};
/// use actix_session::{SessionMiddleware, storage::CookieSessionStore};
/// use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, HttpServer, cookie, post};
/// use monitor_runtime::actix::{SignInMethod, TrackSessions};
///
/// #[post("/login")]
/// async fn login(request: HttpRequest) -> actix_web::Result<HttpResponse> {
///     // is the password right?
///     request.extensions_mut().insert(SignInMethod("password"));
///     Identity::login(&request.extensions(), "ada".into())?;
///     Ok(HttpResponse::Ok().finish())
/// }
///
/// # async fn run() -> std::io::Result<()> {
/// let key = cookie::Key::generate();
/// HttpServer::new(move || {
///     App::new()
///         .service(login)
///         .wrap(TrackSessions::default())
///         .wrap(IdentityMiddleware::default())
///         .wrap(SessionMiddleware::new(CookieSessionStore::default(), key.clone()))
/// })
/// .bind(("127.0.0.1", 8080))?
/// .run()
/// .await
/// # }
/// ```
///
/// It is wrapped before the two, and so stands within them. What happened is seen when the response is there:
///
/// | before | after | signals |
/// |---|---|---|
/// | nobody | a user | [`signed_in`](Activity::signed_in), by the [`SignInMethod`] of the request's extensions, else `"session"` |
/// | a user | nobody | [`signed_out`](Activity::signed_out) |
/// | a user | the same | [`seen`](Activity::seen) |
/// | no session | one with something in it | [`session_opened`](Activity::session_opened) |
/// | a session | none: purged, or emptied | [`session_closed`](Activity::session_closed) |
///
/// A sign-in is one session: where the request has counted one itself, by `#[instrument(counter = USER_SESSIONS, ..)]` or
/// [`activity::signed_in`], none is counted beside it. It is seen where it is counted on the request's own thread, which
/// is wherever no `web::block` or spawned thread does it; of those, see [`without_sign_ins`](Self::without_sign_ins).
///
/// A session is told from others by a random name and the time it was opened, which it keeps in itself under
/// `monitor_session`; so its length is right also when another process closes it. A sign-in that failed leaves no trace in
/// a session: the handler calls [`sign_in_failed`](activity::sign_in_failed).
#[derive(Clone)]
pub struct TrackSessions {
    settings: Rc<Settings>,
}

#[derive(Clone)]
struct Settings {
    /// The global one where none is named.
    activity: Option<Activity>,
    counts_sign_ins: bool,
}

/// How a user signed in: a handler puts it in the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInMethod(pub &'static str);

/// Where a session keeps what tells it from others.
const MARK: &str = "monitor_session";

impl Default for TrackSessions {
    fn default() -> Self {
        TrackSessions { settings: Rc::new(Settings { activity: None, counts_sign_ins: true }) }
    }
}

impl TrackSessions {
    /// Tells `activity` instead of the global one.
    #[must_use]
    pub fn to(mut self, activity: Activity) -> Self {
        Rc::make_mut(&mut self.settings).activity = Some(activity);
        self
    }

    /// Leaves `user_sessions_total` to the application in all requests: for sign-ins that are counted on other threads, or
    /// that are to be counted under names of their own only.
    #[must_use]
    pub fn without_sign_ins(mut self) -> Self {
        Rc::make_mut(&mut self.settings).counts_sign_ins = false;
        self
    }
}

impl fmt::Debug for TrackSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackSessions").field("counts_sign_ins", &self.settings.counts_sign_ins).finish_non_exhaustive()
    }
}

impl<S, B> Transform<S, ServiceRequest> for TrackSessions
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = TrackSessionsService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        // The families are on the page before the first request.
        self.settings.activity();
        ready(Ok(TrackSessionsService { inner, settings: Rc::clone(&self.settings), own_pages: OwnPages::default() }))
    }
}

/// The service that [`TrackSessions`] makes around another.
pub struct TrackSessionsService<S> {
    inner: S,
    settings: Rc<Settings>,
    own_pages: OwnPages,
}

impl<S> fmt::Debug for TrackSessionsService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackSessionsService").finish_non_exhaustive()
    }
}

impl<S, B> Service<ServiceRequest> for TrackSessionsService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = TrackSessionsFuture<S::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let before = Before::of(&request);
        self.settings.begin(&before, self.own_pages.have(&request));
        let settings = Rc::clone(&self.settings);
        let counted = settings.activity().sessions_counted_here();
        let inner = self.inner.call(request);
        let counted = settings.activity().sessions_counted_here() != counted;
        TrackSessionsFuture { inner, settings, before, counted }
    }
}

pin_project! {
    /// A request that is being served.
    pub struct TrackSessionsFuture<F> {
        #[pin]
        inner: F,
        settings: Rc<Settings>,
        before: Before,
        // Whether the request has counted a session by itself.
        counted: bool,
    }
}

impl<F> fmt::Debug for TrackSessionsFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackSessionsFuture").finish_non_exhaustive()
    }
}

impl<F, B> Future for TrackSessionsFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Between two polls this thread serves others.
        let counted = this.settings.activity().sessions_counted_here();
        let answer = this.inner.poll(context);
        *this.counted |= this.settings.activity().sessions_counted_here() != counted;
        let answer = polled!(answer);
        // Where there is no response, the session is not saved either.
        if let Ok(response) = &answer {
            this.settings.end(this.before, response.request(), *this.counted);
        }
        Poll::Ready(answer)
    }
}

/// What a request came with.
struct Before {
    user: Option<String>,
    session: Option<Mark>,
}

/// What tells a session from others, as it stands in it: `name.second`.
struct Mark {
    text: String,
    /// The second of the epoch in which it was opened.
    opened: u64,
}

impl Before {
    fn of(request: &ServiceRequest) -> Before {
        let user = request.get_identity().ok().and_then(|identity| identity.id().ok());
        let mark = request.get_session().get::<String>(MARK).ok().flatten();
        let session = mark.and_then(|text| {
            let opened = text.split_once('.')?.1.parse().ok()?;
            Some(Mark { text, opened })
        });
        Before { user, session }
    }
}

impl Settings {
    fn activity(&self) -> &Activity {
        self.activity.as_ref().unwrap_or_else(|| activity::global())
    }

    /// Who looks at a page of the toolkit's own does not use the service.
    fn begin(&self, before: &Before, own_page: bool) {
        if let Some(user) = before.user.as_ref().filter(|_| !own_page) {
            self.activity().seen(user);
        }
        if let Some(Mark { text, opened }) = &before.session {
            self.activity().session_continues(text, unix_seconds().saturating_sub(*opened));
        }
    }

    fn end(&self, before: &Before, request: &HttpRequest, counted: bool) {
        let activity = self.activity();
        let user = request.get_identity().ok().and_then(|identity| identity.id().ok());
        if before.user != user {
            if let Some(user) = &before.user {
                activity.signed_out(user);
            }
            if let Some(user) = &user {
                let method = request.extensions().get().map_or("session", |SignInMethod(method)| *method);
                if self.counts_sign_ins && !counted {
                    activity.signed_in(user, method);
                } else {
                    activity.seen(user);
                }
            }
        }
        let session = request.get_session();
        if session.contains_key(MARK) {
            return;
        }
        if let Some(Mark { text, .. }) = &before.session {
            activity.session_closed(text);
        }
        if !session.entries().is_empty() {
            let text = format!("{:016x}.{}", RandomState::new().hash_one(MARK), unix_seconds());
            // Text can be written as JSON.
            if session.insert(MARK, &text).is_ok() {
                activity.session_opened(text);
            }
        }
    }
}

fn unix_seconds() -> u64 {
    clock::unix_seconds() as u64
}
