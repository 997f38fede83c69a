//! The demo service: listens, prints its URLs, serves until it is told to stop. What it answers is in `routes`.

pub mod metrics;
mod options;
mod problem;
mod readiness;
mod routes;
mod rules;
mod sessions;
mod start_error;
mod users;

use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::task::Poll;

use actix_web::dev::Server;
use actix_web::rt::System;
use actix_web::rt::signal::unix::{SignalKind, signal};
use actix_web::{App, HttpServer, web};
use monitor_runtime::actix::{MetricsListener, Monitor, Scrape, scrape, serve_metrics};

pub use crate::options::{HELP, Options, Start};
pub use crate::rules::write_rules;
pub use crate::start_error::StartError;

use crate::readiness::{Readiness, State};
use crate::routes::METRICS;
use crate::sessions::Sessions;

/// How long requests in flight may go on once the service is told to stop, in seconds.
const STOP_TIMEOUT_S: u64 = 5;

/// Listens where `options` say, prints the URLs on standard output and serves until SIGINT or SIGTERM.
///
/// # Errors
/// Where the service cannot start: a port is taken, the host is unknown, two metrics clash.
pub fn run(options: &Options) -> Result<(), StartError> {
    monitor_runtime::register().map_err(StartError::Metrics)?;
    let (listener, address) = listen(options)?;
    let metrics = listen_for_metrics(options)?;
    let metrics_address = metrics.as_ref().map(MetricsListener::address);
    // The page is on one of the two.
    let page = metrics.is_none().then(|| page(options));
    System::new()
        .block_on(async {
            // Before the URLs are printed: whoever reads them may send a signal at once.
            let stop = stop_signal()?;
            let server = start(listener, stop, page, metrics_address)?;
            // Nobody may be reading, and that is no reason not to serve.
            let _ = print_urls(&mut io::stdout().lock(), address, metrics_address);
            match metrics {
                Some(metrics) => metrics.beside(server).await,
                None => server.await,
            }
        })
        .map_err(StartError::Serve)
}

/// Serves on `listener`, the page of metrics included, until `stop` is ready: then no new connection, and what is in
/// flight may finish.
///
/// The server runs while it is awaited; it needs an actix runtime.
///
/// # Errors
/// What the listener or the threads of the server say.
pub fn serve(listener: TcpListener, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<Server> {
    start(listener, stop, Some(scrape(METRICS)), None)
}

fn start(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
    page: Option<Scrape>,
    metrics_address: Option<SocketAddr>,
) -> io::Result<Server> {
    let sessions = web::Data::new(Sessions::default());
    let readiness = Readiness::default();
    let told = readiness.clone();
    // What looks at the service is no traffic of it.
    let monitor =
        Monitor::builder().skip(METRICS).skip("/healthz").skip("/readyz").build().map_err(io::Error::other)?;
    let app = move || {
        // As soon as a thread makes its app, it takes connections.
        told.begin();
        App::new()
            .wrap(monitor.clone())
            .app_data(sessions.clone())
            .app_data(web::Data::new(told.clone()))
            .app_data(web::Data::new(routes::Metrics(metrics_address)))
            .configure(|app| routes::configure(app, page.clone()))
    };
    let stop = async move {
        stop.await;
        readiness.set(State::Stopping);
    };
    Ok(HttpServer::new(app).shutdown_signal(stop).shutdown_timeout(STOP_TIMEOUT_S).listen(listener)?.run())
}

fn page(options: &Options) -> Scrape {
    match &options.metrics_token {
        Some(token) => scrape(METRICS).bearer_token(token.clone()),
        None => scrape(METRICS),
    }
}

fn listen_for_metrics(options: &Options) -> Result<Option<MetricsListener>, StartError> {
    let Some(address) = &options.metrics_addr else { return Ok(None) };
    let mut metrics = serve_metrics(address);
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

fn print_urls(out: &mut impl Write, address: SocketAddr, metrics: Option<SocketAddr>) -> io::Result<()> {
    writeln!(out, "demo-app listens on http://{address}")?;
    for line in routes::list(&address.to_string(), metrics) {
        writeln!(out, "  {line}")?;
    }
    out.flush()
}
