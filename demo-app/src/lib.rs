//! The demo service: listens, prints its URLs, serves until it is told to stop. What it answers is in `routes`.

mod data_dir;
mod faults;
mod front;
mod identity;
mod learned;
mod log;
pub mod metrics;
mod options;
mod past;
mod patience;
mod problem;
mod proxies;
mod random;
mod readiness;
mod routes;
mod rules;
mod same_origin;
mod sessions;
mod simulate;
mod start_error;
mod store_error;
mod top_ups;
mod users;

use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::task::Poll;

use actix_identity::IdentityMiddleware;
use actix_session::SessionMiddleware;
use actix_session::config::PersistentSession;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Key, SameSite};
use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::rt::System;
use actix_web::rt::signal::unix::{SignalKind, signal};
use actix_web::{App, HttpServer, web};
use monitor_runtime::activity::{self, Activity, BuildError};
use monitor_runtime::actix::{
    MetricsListener, Monitor, MonitorBuilder, OnBehalf, Scrape, TrackSessions, scrape, serve_metrics,
};
use monitor_runtime::anomaly;

use monitor_runtime::credits::{Credits, CreditsError, Memory, Postgres, Sqlite};

pub use crate::log::{LogLevel, UnknownLevel};
pub use crate::options::{Options, Secret, Simulate, Start};
pub use crate::proxies::{NotNetworks, Proxies};
pub use crate::rules::write_rules;
pub use crate::start_error::StartError;

use crate::data_dir::DataDir;
use crate::faults::Faults;
use crate::identity::AdminToken;
use crate::readiness::{Readiness, State};
use crate::routes::{About, METRICS, Printer, UNWATCHED};
use crate::sessions::Sessions;
use crate::simulate::Simulation;
use crate::top_ups::TopUps;
use crate::users::{Store, Users, digest};

/// How long requests in flight may go on once the service is told to stop, in seconds.
const STOP_TIMEOUT_S: u64 = 5;

/// How long what is still to be settled may take then.
const SETTLE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);
/// How long a hold stands when nobody settles it: longer than anything that costs something.
const HOLD_LIFETIME: std::time::Duration = std::time::Duration::from_secs(15);

/// The cookie of a session.
const SESSION_COOKIE: &str = "session";
/// How long a session lives.
const SESSION_TTL: Duration = Duration::days(7);

/// Listens where `options` say, prints the URLs on standard output and serves until SIGINT or SIGTERM.
///
/// # Errors
/// Where the service cannot start: a port is taken, the host is unknown, two metrics clash, what it keeps cannot be read.
pub fn run(options: &Options) -> Result<(), StartError> {
    log::start(options.log);
    data_dir::keep_to_oneself();
    monitor_runtime::register().map_err(StartError::Metrics)?;
    let (listener, address) = listen(options)?;
    let metrics = listen_for_metrics(options)?;
    let metrics_address = metrics.as_ref().map(MetricsListener::address);
    warn_of_open_metrics(options, metrics_address.unwrap_or(address));
    // Until the end: another service may have it then.
    let data = DataDir::open(&options.data_dir)?;
    let session_key = match &options.session_key {
        Some(key) => Key::derive_from(key.text().as_bytes()),
        None => data.session_key()?,
    };
    keep_who_is_here(options, &data, &session_key)?;
    match &options.simulate {
        Some(Simulate { seed, past: true }) => past::make_up(*seed),
        _ => learned::take(&data),
    }
    if let Some(limits) = &options.limits {
        anomaly::load_limits(limits).map_err(StartError::Limits)?;
    }
    System::new().block_on(async {
        // Before the URLs are printed: whoever reads them may send a signal at once.
        let stop = stop_signal().map_err(StartError::Serve)?;
        let service = Service {
            // The page is on one of the two.
            page: metrics.is_none().then(|| page(options)),
            metrics_address,
            ..Service::open(options, &data, session_key, address).await?
        };
        let (users, credits, faults) = (service.users.clone(), service.credits.clone(), service.faults.clone());
        let server = service.start(listener, stop).map_err(StartError::Serve)?;
        if let Some(limits) = options.limits.clone() {
            learned::read_limits_again(limits).map_err(StartError::Serve)?;
        }
        // What was made up is not kept among what was learned.
        let made_up = options.simulate.as_ref().is_some_and(|simulate| simulate.past);
        if !made_up {
            learned::keep(&data);
        }
        // Nobody may be reading, and that is no reason not to serve.
        let _ = print_urls(&mut io::stdout().lock(), address, metrics_address, options);
        let simulation = match options.simulate {
            // It is there as long as this is; its threads wait for answers until the server gives some.
            Some(Simulate { seed, .. }) => {
                Some(Simulation::start(address, seed, &users, &faults).await.map_err(StartError::simulation)?)
            }
            None => None,
        };
        let served = match metrics {
            Some(metrics) => metrics.beside(server).await,
            None => server.await,
        };
        drop(simulation);
        if !made_up {
            learned::save(&data);
        }
        if let Err(error) = activity::global().save() {
            tracing::warn!("who is here cannot be saved: {error}");
        }
        // What was done is paid for, what was not is given back; beyond this time, holds are freed at the next start.
        let _ = credits.shutdown(SETTLE_TIMEOUT).await;
        served.map_err(StartError::Serve)
    })
}

/// Serves on `listener`, the page of metrics included, until `stop` is ready: then no new connection, and what is in
/// flight may finish. Users, sessions and credits are in memory, and gone when it ends.
///
/// The server runs while it is awaited; it needs an actix runtime.
///
/// # Errors
/// What the listener or the threads of the server say.
pub async fn serve(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<Server, StartError> {
    let store = Store::in_memory()
        .map_err(|error| StartError::Store { place: "the users".to_owned(), wrong: error.to_string() })?;
    let credits = Credits::new(Memory::new());
    let service = Service::of(store, credits, Key::generate(), true).await?;
    service.start(listener, stop).map_err(StartError::Serve)
}

/// All that the service answers with, before it listens.
#[derive(Clone)]
struct Service {
    page: Option<Scrape>,
    metrics_address: Option<SocketAddr>,
    users: web::Data<Users>,
    credits: web::Data<Credits>,
    admin: AdminToken,
    demo_users: bool,
    simulated: bool,
    faults: Faults,
    sessions: Sessions,
    session_key: Key,
    secure_cookies: bool,
    proxies: Proxies,
    top_ups: TopUps,
}

impl Service {
    async fn open(
        options: &Options,
        data: &DataDir,
        session_key: Key,
        address: SocketAddr,
    ) -> Result<Service, StartError> {
        let (place, store) = match &options.database_url {
            Some(url) => ("--database-url".to_owned(), Store::in_database(url.text()).await),
            None => {
                let file = data.file("users.db");
                (file.display().to_string(), Store::in_file(&file))
            }
        };
        let store = store.map_err(|error| StartError::Store { place, wrong: error.to_string() })?;
        let credits = open_ledger(options, data).await?;
        let demo_users = options.demo_users || address.ip().is_loopback();
        let service = Service::of(store, credits, session_key, demo_users).await?;
        let admin = AdminToken(options.admin_token.as_ref().map(|token| digest(token.text())));
        let simulated = options.simulate.is_some();
        let proxies = options.trusted_proxies.clone();
        Ok(Service { admin, secure_cookies: options.secure_cookies, proxies, simulated, ..service })
    }

    async fn of(store: Store, credits: Credits, session_key: Key, demo_users: bool) -> Result<Service, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Store {
            place: "the users".to_owned(),
            wrong: error.to_string(),
        };
        let top_ups = TopUps::of(store.clone());
        let sessions = Sessions::of(store.clone()).await.map_err(|error| failed(&error))?;
        let users = Users::new(store).await.map_err(|error| failed(&error))?;
        if demo_users {
            users.add_demo_users().await.map_err(|error| failed(&error))?;
        }
        Ok(Service {
            page: Some(scrape(METRICS)),
            metrics_address: None,
            users: web::Data::new(users),
            credits: web::Data::new(credits),
            admin: AdminToken::default(),
            demo_users,
            simulated: false,
            faults: Faults::default(),
            sessions,
            session_key,
            secure_cookies: false,
            proxies: Proxies::default(),
            top_ups,
        })
    }

    fn start(self, listener: TcpListener, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<Server> {
        let readiness = Readiness::default();
        let told = readiness.clone();
        let monitor = UNWATCHED.into_iter().fold(Monitor::builder(), MonitorBuilder::skip);
        let monitor = monitor.build().map_err(io::Error::other)?;
        let about = About { address: self.metrics_address, demo_users: self.demo_users, simulated: self.simulated };
        let faults = web::Data::new(self.faults.clone());
        let printer = web::Data::new(Printer::default());
        let proxies = web::Data::new(self.proxies.clone());
        let top_ups = web::Data::new(self.top_ups.clone());
        let sessions = web::Data::new(self.sessions.clone());
        let (threads, connections) = patience::threads_and_connections();
        let app = move || {
            // As soon as a thread makes its app, it takes connections.
            told.begin();
            // The last is outermost: it sees what the others refuse.
            App::new()
                .wrap(from_fn(faults::suffer))
                .wrap(OnBehalf::of(routes::account).ledger(Credits::clone(&self.credits)))
                .wrap(from_fn(identity::find))
                // The sign-ins are counted at their handlers, by an attribute.
                .wrap(TrackSessions::default().without_sign_ins())
                .wrap(IdentityMiddleware::default())
                .wrap(self.cookies())
                .wrap(from_fn(sessions::explain))
                .wrap(from_fn(same_origin::check))
                .wrap(from_fn(patience::limit))
                .wrap(monitor.clone())
                .app_data(self.users.clone())
                .app_data(faults.clone())
                .app_data(printer.clone())
                .app_data(proxies.clone())
                .app_data(top_ups.clone())
                .app_data(sessions.clone())
                .app_data(web::Data::new(told.clone()))
                .app_data(self.credits.clone())
                .app_data(web::Data::new(self.admin.clone()))
                .app_data(web::Data::new(about))
                .configure(|app| routes::configure(app, self.page.clone()))
        };
        let stop = async move {
            stop.await;
            readiness.set(State::Stopping);
        };
        let server = HttpServer::new(app).workers(threads).max_connections(connections);
        Ok(server.shutdown_signal(stop).shutdown_timeout(STOP_TIMEOUT_S).listen(listener)?.run())
    }

    /// No script reads the cookie, no other site sends it.
    fn cookies(&self) -> SessionMiddleware<Sessions> {
        SessionMiddleware::builder(self.sessions.clone(), self.session_key.clone())
            .cookie_name(SESSION_COOKIE.to_owned())
            .cookie_http_only(true)
            .cookie_same_site(SameSite::Lax)
            .cookie_secure(self.secure_cookies)
            .session_lifecycle(PersistentSession::default().session_ttl(SESSION_TTL))
            .build()
    }
}

/// The active users of this process survive its restart, or, with a Redis, those of all instances are one number.
fn keep_who_is_here(options: &Options, data: &DataDir, session_key: &Key) -> Result<(), StartError> {
    let mut builder = Activity::builder()
        .key(activity::Key::from_secret(session_key.signing()))
        .session_lifetime(std::time::Duration::from_secs(SESSION_TTL.whole_seconds().unsigned_abs()))
        .state_file(data.file("activity"));
    if let Some(url) = &options.redis_url {
        builder = builder.redis(url.text(), "demo");
    }
    let wrong = |place: &str, wrong: String| StartError::Store { place: place.to_owned(), wrong };
    let activity = builder.build().map_err(|error| {
        let place = if matches!(error, BuildError::StoreAddress) { "--redis-url" } else { "who is here" };
        wrong(place, error.to_string())
    })?;
    activity::install(activity).map_err(|_| wrong("who is here", "it is asked for already".to_owned()))
}

async fn open_ledger(options: &Options, data: &DataDir) -> Result<Credits, StartError> {
    let (place, opened) = match &options.database_url {
        Some(url) => {
            let url = url.text().to_owned();
            let opened = web::block(move || Postgres::open(&url)).await;
            let opened = opened.map_err(|error| StartError::Serve(io::Error::other(error)))?;
            ("--database-url".to_owned(), opened.map(Credits::builder))
        }
        None => {
            let file = data.file("credits.db");
            (file.display().to_string(), Sqlite::open(&file).map(Credits::builder))
        }
    };
    let builder = opened.map_err(|error| StartError::Store { place, wrong: error.to_string() })?;
    let owed = data.file("captures.owed");
    let wrong = |error: CreditsError| StartError::Store { place: owed.display().to_string(), wrong: error.to_string() };
    let builder = builder.owed_captures(&owed).map_err(wrong)?;
    Ok(builder.hold_lifetime(HOLD_LIFETIME).build())
}

fn page(options: &Options) -> Scrape {
    match &options.metrics_token {
        Some(token) => scrape(METRICS).bearer_token(token.clone()),
        None => scrape(METRICS),
    }
}

/// Warns on standard error, whatever the log level: the page shows who uses the service.
fn warn_of_open_metrics(options: &Options, page: SocketAddr) {
    if page.ip().to_canonical().is_loopback() || options.metrics_token.is_some() {
        return;
    }
    let _ = writeln!(
        io::stderr(),
        "demo-app: WARNING: anyone who can reach {page} can read /metrics and /monitor, which show user names; set \
         --metrics-token or DEMO_METRICS_TOKEN, or keep them on this machine with --metrics-addr or DEMO_METRICS_ADDR"
    );
}

fn listen_for_metrics(options: &Options) -> Result<Option<MetricsListener>, StartError> {
    let Some(address) = &options.metrics_addr else { return Ok(None) };
    let mut metrics = serve_metrics(address).dashboard();
    if let Some(token) = &options.metrics_token {
        metrics = metrics.bearer_token(token.clone());
    }
    metrics.listen().map(Some).map_err(StartError::ListenForMetrics)
}

fn listen(options: &Options) -> Result<(TcpListener, SocketAddr), StartError> {
    TcpListener::bind((options.host.as_str(), options.port))
        .and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .map_err(|source| StartError::Listen { host: options.host.clone(), port: options.port, source })
}

/// Ready at the first SIGINT or SIGTERM from now on.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(poll_fn(move |context| {
        if interrupt.poll_recv(context).is_ready() || terminate.poll_recv(context).is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }))
}

fn print_urls(
    out: &mut impl Write,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    options: &Options,
) -> io::Result<()> {
    writeln!(out, "demo-app listens on http://{address}")?;
    for line in routes::list(&address.to_string(), metrics) {
        writeln!(out, "  {line}")?;
    }
    match options.database_url {
        Some(_) => writeln!(out, "users, sessions and credits are kept in the database of --database-url")?,
        None => writeln!(out, "users, sessions and credits are kept in {}", options.data_dir.display())?,
    }
    if let Some(Simulate { seed, past: true }) = options.simulate {
        let days = past::DAYS;
        writeln!(out, "what the detection knows of the last {days} days is made up (seed {seed}), and not kept")?;
    }
    out.flush()
}
