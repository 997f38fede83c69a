//! A client of the service itself, over its socket: `ureq`, which keeps one connection, and the cookie of the session.

use std::net::SocketAddr;
use std::time::Duration;

use ureq::http::Request;
use ureq::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use ureq::{Agent, Error};

/// Longer than anything that the simulation asks for.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The most of an answer that is read.
const BODY_MAX: u64 = 1 << 20;

/// One user's client.
pub(super) struct Client {
    agent: Agent,
    address: SocketAddr,
    cookie: Option<String>,
}

impl Client {
    pub(super) fn to(address: SocketAddr) -> Client {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .user_agent("demo-simulation")
            .build()
            .new_agent();
        Client { agent, address, cookie: None }
    }

    /// The status of the answer; an error when there is none.
    pub(super) fn ask(&mut self, method: &str, path: &str, json: Option<&str>) -> Result<u16, Error> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        if json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let mut response = match json {
            Some(json) => self.agent.run(request.body(json)?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let set = response.headers().get(SET_COOKIE).and_then(|set| set.to_str().ok()?.split(';').next());
        if let Some(cookie) = set {
            self.cookie = Some(cookie.to_owned());
        }
        // Read to its end, so that the connection can be used again.
        response.body_mut().with_config().limit(BODY_MAX).read_to_vec()?;
        Ok(response.status().as_u16())
    }
}
