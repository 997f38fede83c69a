//! The page of metrics on a listener of its own, beside the app and out of its clients' reach.

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpResponse, HttpServer, guard, web};
use prometheus::Registry;

use super::access::BearerToken;
use super::scrape::{Scrape, scrape};

/// More than the scrapes that are answered at a time, so that the next to come can take the place of a slow one.
const CONNECTIONS: usize = 1_024;
/// How long a request may take to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a scraper may keep its connection between two scrapes.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Serves the page of metrics at `/metrics` on `address`, an address of its own, and at `/healthz` that it does.
///
/// `address` is a port, which is then open to this machine alone (`9100` is `127.0.0.1:9100`), or an IP address and a
/// port. Whoever can reach the address can read the page: on any address but loopback, ask for a
/// [token](MetricsServer::bearer_token).
///
/// It has one thread, which your handlers cannot keep busy, and which takes 1,024 connections at most. It stops with the
/// app that it stands [beside](MetricsListener::beside).
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use monitor_runtime::actix::serve_metrics;
///
/// # async fn run() -> std::io::Result<()> {
/// let metrics = serve_metrics(9100).listen()?;
/// let app = HttpServer::new(App::new).bind(("0.0.0.0", 8080))?.run();
/// metrics.beside(app).await
/// # }
/// ```
pub fn serve_metrics(address: impl Display) -> MetricsServer {
    MetricsServer {
        address: address.to_string(),
        scrape: scrape("/metrics"),
        #[cfg(feature = "dashboard")]
        dashboard: false,
    }
}

/// What [`serve_metrics`] is to serve, and where.
#[derive(Clone, Debug)]
#[must_use = "it does not listen yet; call `listen`"]
pub struct MetricsServer {
    address: String,
    scrape: Scrape,
    #[cfg(feature = "dashboard")]
    dashboard: bool,
}

impl MetricsServer {
    /// Shows this registry in place of the default one.
    pub fn registry(mut self, registry: Registry) -> MetricsServer {
        self.scrape = self.scrape.registry(registry);
        self
    }

    /// Shows the page only to whoever sends this token; see [`Scrape::bearer_token`].
    pub fn bearer_token(mut self, token: BearerToken) -> MetricsServer {
        self.scrape = self.scrape.bearer_token(token);
        self
    }

    /// Answers `n` scrapes at a time; see [`Scrape::scrapes_in_flight`].
    pub fn scrapes_in_flight(mut self, n: usize) -> MetricsServer {
        self.scrape = self.scrape.scrapes_in_flight(n);
        self
    }

    /// Serves also the page of its own at `/monitor`, its numbers at `/monitoring/api-metrics` and what was found at
    /// `/monitoring/anomalies`, by the same registry and the same token; see [`dashboard`](super::dashboard()) and
    /// [`anomalies`](super::anomalies()).
    #[cfg(feature = "dashboard")]
    pub fn dashboard(mut self) -> MetricsServer {
        self.dashboard = true;
        self
    }

    /// Takes the address. It is answered on once the listener is awaited.
    ///
    /// # Errors
    /// The address is none, is taken, or is not this machine's; the error names it.
    pub fn listen(self) -> io::Result<MetricsListener> {
        let MetricsServer { address, scrape, .. } = self;
        #[cfg(feature = "dashboard")]
        let pages = self.dashboard.then(|| {
            let (page, json) = super::dashboard::beside(&scrape);
            (page, json, super::anomalies("/monitoring/anomalies").like(&scrape))
        });
        let named = |error: io::Error| io::Error::new(error.kind(), format!("metrics on {address}: {error}"));
        let listener = socket_address(&address).and_then(TcpListener::bind).map_err(named)?;
        let local = listener.local_addr().map_err(named)?;
        let app = move || {
            let healthz = web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
            let app = App::new().service(scrape.clone());
            #[cfg(feature = "dashboard")]
            let app = app.configure(|app| {
                if let Some((page, json, anomalies)) = pages.clone() {
                    app.service(page).service(json).service(anomalies);
                }
            });
            app.route("/healthz", healthz.to(async || HttpResponse::Ok().body("ok\n")))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .max_connections(CONNECTIONS)
            .client_request_timeout(REQUEST_TIMEOUT)
            .keep_alive(KEEP_ALIVE)
            // The app is told to stop; this listener stays until it has, so that its last numbers can be read.
            .disable_signals()
            .listen(listener)
            .map_err(named)?
            .run();
        Ok(MetricsListener { server, address: local })
    }
}

/// The listener of [`serve_metrics`]: it answers while it is awaited, in the runtime of actix or of tokio.
///
/// Dropping it closes it at once.
#[must_use = "it answers nobody until it is awaited"]
pub struct MetricsListener {
    server: Server,
    address: SocketAddr,
}

impl MetricsListener {
    /// Where it listens; of use where port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it from elsewhere.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Answers for as long as `app` runs, and gives what `app` ended with.
    pub async fn beside<T>(self, app: impl Future<Output = T>) -> T {
        let (mut server, mut app) = (Some(self.server), pin!(app));
        poll_fn(|context| {
            if server.as_mut().is_some_and(|server| Pin::new(server).poll(context).is_ready()) {
                server = None;
            }
            app.as_mut().poll(context)
        })
        .await
    }
}

impl Future for MetricsListener {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.server).poll(context)
    }
}

impl std::fmt::Debug for MetricsListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsListener").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Names are not looked up: which of their addresses would be meant?
fn socket_address(text: &str) -> io::Result<SocketAddr> {
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.replacen("localhost:", "127.0.0.1:", 1).parse().map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "no address; give a port, or an IP address and a port")
    })
}
