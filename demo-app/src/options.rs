//! What the program was told: arguments first, then the environment, then the defaults. It touches neither.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::{Arg, Parser};
use monitor_runtime::actix::BearerToken;

use crate::StartError;

/// What `--help` prints.
pub const HELP: &str = "\
An actix-web service that shows monitor-runtime at work.

Usage: demo-app [--host HOST] [--port PORT] [--metrics-addr HOST:PORT] [--metrics-token TOKEN]

  --host HOST               where to listen (else DEMO_HOST, else 127.0.0.1)
  --port PORT               the port, 0 for a free one (else DEMO_PORT, else 8080)
  --metrics-addr HOST:PORT  where /metrics is instead of on the service itself;
                            a port alone is on 127.0.0.1 (else DEMO_METRICS_ADDR)
  --metrics-token TOKEN     what a scraper must send as a bearer token (else DEMO_METRICS_TOKEN,
                            which no other user of the machine can see)
  --write-rules DIR         writes Prometheus rules, their tests and a Grafana dashboard, and ends
  --help                    this text
";

const HOST: &str = "127.0.0.1";
const PORT: u16 = 8080;

/// Where to listen, and who may see the metrics.
#[derive(Clone, Debug)]
pub struct Options {
    /// A name or an address.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
    /// The address of the metrics, where they have one of their own.
    pub metrics_addr: Option<String>,
    /// What a scraper must send.
    pub metrics_token: Option<BearerToken>,
}

/// What the program is to do.
#[derive(Clone, Debug)]
pub enum Start {
    /// Print [`HELP`].
    Help,
    /// Write the monitoring rules and the dashboard below this directory.
    WriteRules(PathBuf),
    /// Serve.
    Serve(Options),
}

impl Options {
    /// Reads the arguments (without the program's name) and, for what they leave open, the environment.
    ///
    /// # Errors
    /// An argument that is not understood, a port that is no port, a token that no header can carry.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Start, StartError> {
        let (mut host, mut port, mut metrics_addr, mut metrics_token) = (None, None, None, None);
        let mut arguments = Parser::from_args(arguments);
        while let Some(argument) = arguments.next().map_err(StartError::Argument)? {
            match argument {
                Arg::Long("host") => {
                    host = Some(arguments.value().map_err(StartError::Argument)?);
                }
                Arg::Long("port") => {
                    let value = arguments.value().map_err(StartError::Argument)?;
                    port = Some(parse_port("--port", &value)?);
                }
                Arg::Long("metrics-addr") => {
                    metrics_addr = Some(arguments.value().map_err(StartError::Argument)?);
                }
                Arg::Long("metrics-token") => {
                    let value = arguments.value().map_err(StartError::Argument)?;
                    metrics_token = Some(parse_token("--metrics-token", &value)?);
                }
                Arg::Long("write-rules") => {
                    return Ok(Start::WriteRules(arguments.value().map_err(StartError::Argument)?.into()));
                }
                Arg::Long("help") | Arg::Short('h') => return Ok(Start::Help),
                other => return Err(StartError::Argument(other.unexpected())),
            }
        }
        let host = match host.or_else(|| environment("DEMO_HOST")) {
            Some(host) => host.to_string_lossy().into_owned(),
            None => HOST.to_owned(),
        };
        let port = match (port, environment("DEMO_PORT")) {
            (Some(port), _) => port,
            (None, Some(value)) => parse_port("DEMO_PORT", &value)?,
            (None, None) => PORT,
        };
        let metrics_addr = metrics_addr.or_else(|| environment("DEMO_METRICS_ADDR"));
        let metrics_token = match (metrics_token, environment("DEMO_METRICS_TOKEN")) {
            (Some(token), _) => Some(token),
            (None, Some(value)) => Some(parse_token("DEMO_METRICS_TOKEN", &value)?),
            (None, None) => None,
        };
        let metrics_addr = metrics_addr.map(|addr| addr.to_string_lossy().into_owned());
        Ok(Start::Serve(Options { host, port, metrics_addr, metrics_token }))
    }
}

fn parse_port(given_by: &'static str, value: &OsStr) -> Result<u16, StartError> {
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| StartError::Port { given_by, value: value.to_string_lossy().into_owned() })
}

/// An error names the place alone: a token is nobody's business.
fn parse_token(given_by: &'static str, value: &OsStr) -> Result<BearerToken, StartError> {
    value.to_string_lossy().parse().map_err(|source| StartError::Token { given_by, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Options, String> {
        let environment = |name: &str| {
            let (_, value) = environment.iter().find(|(set, _)| *set == name)?;
            Some(OsString::from(value))
        };
        match Options::read(arguments.iter().map(OsString::from), environment) {
            Ok(Start::Serve(options)) => Ok(options),
            Ok(other) => panic!("nobody asked for {other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    fn read(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(String, u16), String> {
        options(arguments, environment).map(|options| (options.host, options.port))
    }

    fn serve(host: &str, port: u16) -> Result<(String, u16), String> {
        Ok((host.to_owned(), port))
    }

    #[test]
    fn arguments_go_before_the_environment_and_the_environment_before_the_defaults() {
        let environment = [("DEMO_HOST", "::1"), ("DEMO_PORT", "9000")];
        assert_eq!(read(&[], &[]), serve("127.0.0.1", 8080));
        assert_eq!(read(&[], &environment), serve("::1", 9000));
        assert_eq!(read(&["--port=0"], &environment), serve("::1", 0));
        let both = ["--host", "localhost", "--port", "9001"];
        assert_eq!(read(&both, &environment), serve("localhost", 9001));
    }

    #[test]
    fn a_wrong_port_is_refused_with_the_place_where_it_was_given() {
        for (arguments, environment, place) in [
            (&["--port", "65536"][..], &[][..], "--port is `65536`"),
            (&[], &[("DEMO_PORT", "http")], "DEMO_PORT is `http`"),
        ] {
            let error = read(arguments, environment).expect_err("a wrong port");
            assert!(error.starts_with(place), "{error}");
        }
        // What is not used is not judged.
        assert_eq!(read(&["--port", "1"], &[("DEMO_PORT", "http")]), serve("127.0.0.1", 1));
    }

    #[test]
    fn an_unknown_argument_is_named() {
        let error = read(&["--prot", "1"], &[]).expect_err("an unknown argument");
        assert_eq!(error, "invalid option '--prot'; see --help");
    }

    #[test]
    fn the_metrics_are_on_the_service_and_open_unless_told_otherwise() {
        let read = |arguments: &[&str], environment: &[(&str, &str)]| {
            let options = options(arguments, environment).expect("options");
            (options.metrics_addr, options.metrics_token.is_some())
        };
        assert_eq!(read(&[], &[]), (None, false));
        let environment = [("DEMO_METRICS_ADDR", "9100"), ("DEMO_METRICS_TOKEN", "s3cret")];
        assert_eq!(read(&[], &environment), (Some("9100".to_owned()), true));
        let arguments = ["--metrics-addr=127.0.0.1:0", "--metrics-token", "s3cret"];
        assert_eq!(read(&arguments, &environment[..1]), (Some("127.0.0.1:0".to_owned()), true));
    }

    #[test]
    fn a_wrong_token_is_refused_and_not_repeated() {
        for (arguments, environment, place) in [
            (&["--metrics-token", "my secret"][..], &[][..], "--metrics-token: the bearer token "),
            (&["--metrics-token="], &[], "--metrics-token: the bearer token is empty"),
            (&[], &[("DEMO_METRICS_TOKEN", "")], "DEMO_METRICS_TOKEN: the bearer token is empty"),
        ] {
            let error = options(arguments, environment).expect_err("a wrong token");
            assert!(error.starts_with(place) && !error.contains("my secret"), "{error}");
        }
    }
}
