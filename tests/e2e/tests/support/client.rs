//! A client of a server on loopback: plain HTTP, every status is an answer.

use std::time::Duration;

use serde_json::Value;
use ureq::http::header::HeaderValue;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// Far beyond what any answer takes: a server that hangs fails its test.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    url: String,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// `name=value` of the cookie that was set, without its attributes.
    pub(crate) cookie: Option<String>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Client {
    /// `url` without a path: `http://127.0.0.1:8080`.
    pub(crate) fn of(url: &str) -> Client {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build()
            .new_agent();
        Client { agent, url: url.to_owned() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Answer::read(self.agent.get(self.at(path)).call())
    }

    pub(crate) fn get_accepting(&self, path: &str, accept: &str) -> Answer {
        let request = self.agent.get(self.at(path)).header("Accept", accept);
        Answer::read(request.call())
    }

    pub(crate) fn get_with(&self, path: &str, header: (&str, &str)) -> Answer {
        let request = self.agent.get(self.at(path)).header(header.0, header.1);
        Answer::read(request.call())
    }

    /// As `get`, for a server that may not be up yet.
    pub(crate) fn try_get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, String> {
        let request = self.agent.get(self.at(path));
        let request = request.query_pairs(query.iter().copied());
        let response = request.call().map_err(|error| error.to_string())?;
        Ok(Answer::read(Ok(response)))
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        Answer::read(self.agent.post(self.at(path)).send_empty())
    }

    pub(crate) fn post_with_cookie(&self, path: &str, cookie: &str) -> Answer {
        let request = self.agent.post(self.at(path)).header("Cookie", cookie);
        Answer::read(request.send_empty())
    }

    pub(crate) fn post_json(&self, path: &str, json: &str) -> Answer {
        let request = self.agent.post(self.at(path));
        let request = request.header("Content-Type", "application/json");
        Answer::read(request.send(json))
    }

    /// Any method, with any headers; a body is JSON.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], json: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(self.at(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match json {
            Some(json) => {
                request = request.header("Content-Type", "application/json");
                json.to_string()
            }
            None => String::new(),
        };
        Answer::read(self.agent.run(request.body(body).expect("a request")))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Answer {
    fn read(response: Result<Response<Body>, ureq::Error>) -> Answer {
        let mut response = response.expect("the server should answer");
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().expect("a header in ASCII").to_owned())
        };
        let cookie = header("set-cookie");
        let content_type = header("content-type").unwrap_or_default();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Answer {
            headers,
            status: response.status().as_u16(),
            content_type,
            cookie: cookie.map(|set| set.split(';').next().unwrap_or_default().to_owned()),
            body: response.body_mut().read_to_string().expect("a text"),
        }
    }

    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}
