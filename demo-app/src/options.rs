//! What the program was told: arguments first, then the environment, then the defaults. It touches neither.

use std::ffi::{OsStr, OsString};

use lexopt::{Arg, Parser};

use crate::StartError;

/// What `--help` prints.
pub const HELP: &str = "\
An actix-web service that shows monitor-runtime at work.

Usage: demo-app [--host HOST] [--port PORT]

  --host HOST  where to listen (else DEMO_HOST, else 127.0.0.1)
  --port PORT  the port, 0 for a free one (else DEMO_PORT, else 8080)
  --help       this text
";

const HOST: &str = "127.0.0.1";
const PORT: u16 = 8080;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A name or an address.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
}

/// What the program is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Print [`HELP`].
    Help,
    /// Serve.
    Serve(Options),
}

impl Options {
    /// Reads the arguments (without the program's name) and, for what they leave open, the environment.
    ///
    /// # Errors
    /// An argument that is not understood, a port that is no port.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Start, StartError> {
        let (mut host, mut port) = (None, None);
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
        Ok(Start::Serve(Options { host, port }))
    }
}

fn parse_port(given_by: &'static str, value: &OsStr) -> Result<u16, StartError> {
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| StartError::Port { given_by, value: value.to_string_lossy().into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Start, String> {
        let environment = |name: &str| {
            let (_, value) = environment.iter().find(|(set, _)| *set == name)?;
            Some(OsString::from(value))
        };
        Options::read(arguments.iter().map(OsString::from), environment).map_err(|error| error.to_string())
    }

    fn serve(host: &str, port: u16) -> Result<Start, String> {
        let host = host.to_owned();
        Ok(Start::Serve(Options { host, port }))
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
}
