//! What the program was told: arguments first, then the environment, then the defaults. It touches neither.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::{Arg, Parser};
use monitor_runtime::actix::BearerToken;

use crate::StartError;
use crate::log::LogLevel;

/// What `--help` prints.
pub const HELP: &str = "\
An actix-web service that shows monitor-runtime at work.

Usage: demo-app [OPTIONS]

Each option has a variable of the environment in its place, which no other user of the machine can see.

  --host HOST               where to listen (DEMO_HOST; 127.0.0.1)
  --port PORT               the port, 0 for a free one (DEMO_PORT; 8080)
  --data-dir DIRECTORY      where users, sessions and credits are kept (DEMO_DATA_DIR; demo-data)
  --database-url URL        a PostgreSQL that keeps users, sessions and credits instead, for several instances
                            (DEMO_DATABASE_URL); they need one DEMO_SESSION_KEY, which has no option
  --admin-token TOKEN       what POST /admin/grants and /admin/verify want as a bearer token
                            (DEMO_ADMIN_TOKEN; nobody is the admin)
  --redis-url URL           a Redis through which several instances export one number of active users (DEMO_REDIS_URL)
  --limits FILE             what is normal for an endpoint, as TOML; read again at SIGHUP (DEMO_LIMITS)
  --metrics-addr HOST:PORT  where /metrics is instead of on the service itself;
                            a port alone is on 127.0.0.1 (DEMO_METRICS_ADDR)
  --metrics-token TOKEN     what a scraper must send as a bearer token (DEMO_METRICS_TOKEN)
  --secure-cookies          send the session's cookie over TLS alone: for a service behind a proxy that speaks it
                            (DEMO_SECURE_COOKIES)
  --demo-users              have ada, grace and edsger, whose passwords are in the README; without it they are there
                            when only this machine can connect (DEMO_DEMO_USERS)
  --simulate                make traffic of its own: six users, about 8 requests a second (DEMO_SIMULATE)
  --simulate-past           as --simulate, and as if it had gone on for eight days: the detection learns them, made up,
                            and forgets them at the end; so that shifts of latency and traffic can be caused at once
                            (DEMO_SIMULATE_PAST)
  --simulate-seed NUMBER    the same number makes the same traffic (DEMO_SIMULATE_SEED; 1)
  --log LEVEL               off, error, warn, info, debug or trace, on standard error (DEMO_LOG; warn)
  --write-rules DIRECTORY   writes Prometheus rules, their tests and a Grafana dashboard, and ends
  --help                    this text
";

const HOST: &str = "127.0.0.1";
const PORT: u16 = 8080;
const DATA_DIR: &str = "demo-data";
/// As long as the key that it becomes.
const SESSION_KEY_MIN: usize = 32;

/// One option, and the variable in its place.
struct Flag {
    argument: &'static str,
    variable: &'static str,
    takes_value: bool,
}

const fn takes_value(argument: &'static str, variable: &'static str) -> Flag {
    Flag { argument, variable, takes_value: true }
}

const fn switch(argument: &'static str, variable: &'static str) -> Flag {
    Flag { argument, variable, takes_value: false }
}

const FLAGS: &[Flag] = &[
    takes_value("--host", "DEMO_HOST"),
    takes_value("--port", "DEMO_PORT"),
    takes_value("--data-dir", "DEMO_DATA_DIR"),
    takes_value("--database-url", "DEMO_DATABASE_URL"),
    takes_value("--redis-url", "DEMO_REDIS_URL"),
    takes_value("--admin-token", "DEMO_ADMIN_TOKEN"),
    takes_value("--limits", "DEMO_LIMITS"),
    takes_value("--metrics-addr", "DEMO_METRICS_ADDR"),
    takes_value("--metrics-token", "DEMO_METRICS_TOKEN"),
    switch("--secure-cookies", "DEMO_SECURE_COOKIES"),
    switch("--demo-users", "DEMO_DEMO_USERS"),
    switch("--simulate", "DEMO_SIMULATE"),
    switch("--simulate-past", "DEMO_SIMULATE_PAST"),
    takes_value("--simulate-seed", "DEMO_SIMULATE_SEED"),
    takes_value("--log", "DEMO_LOG"),
];

/// Where to listen, what to keep where, and who may see what.
#[derive(Clone, Debug)]
pub struct Options {
    /// A name or an address.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
    /// Where the files are.
    pub data_dir: PathBuf,
    /// The database in the files' place.
    pub database_url: Option<Secret>,
    /// The store of active users of several instances.
    pub redis_url: Option<Secret>,
    /// What the admin must send; without one nobody is the admin.
    pub admin_token: Option<Secret>,
    /// What is normal for an endpoint, where a file says so.
    pub limits: Option<PathBuf>,
    /// The address of the metrics, where they have one of their own.
    pub metrics_addr: Option<String>,
    /// What a scraper must send.
    pub metrics_token: Option<BearerToken>,
    /// What session cookies are signed with, where that is not a file's.
    pub session_key: Option<Secret>,
    /// Whether cookies are for TLS alone.
    pub secure_cookies: bool,
    /// Whether the users of the README are there; else when only this machine can connect.
    pub demo_users: bool,
    /// The traffic that the service makes of its own, where it does.
    pub simulate: Option<Simulate>,
    /// Which lines are written on standard error.
    pub log: LogLevel,
}

/// Traffic of the service's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simulate {
    /// The same makes the same traffic.
    pub seed: u64,
    /// Whether the detection learns, before the start, days of it that are made up.
    pub past: bool,
}

/// What the program is to do.
#[derive(Clone, Debug)]
pub enum Start {
    /// Print [`HELP`].
    Help,
    /// Write the monitoring rules and the dashboard below this directory.
    WriteRules(PathBuf),
    /// Serve.
    Serve(Box<Options>),
}

/// A text that is never printed.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text, for whoever needs it.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Options {
    /// Reads the arguments (without the program's name) and, for what they leave open, the environment.
    ///
    /// # Errors
    /// An argument that is not understood, a value that its option cannot have.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Start, StartError> {
        let arguments = match read_arguments(arguments)? {
            Read::Arguments(arguments) => arguments,
            Read::Other(start) => return Ok(start),
        };
        let given = Given { arguments, environment };
        let session_key = (given.environment)("DEMO_SESSION_KEY").map(|key| key.to_string_lossy().into_owned());
        if session_key.as_ref().is_some_and(|key| key.len() < SESSION_KEY_MIN) {
            return Err(StartError::Value {
                given_by: "DEMO_SESSION_KEY",
                wrong: format!("has fewer than {SESSION_KEY_MIN} bytes; take random ones"),
            });
        }
        let seed = given.parsed("--simulate-seed", "is no seed; give a whole number from 0 on")?.unwrap_or(1);
        let past = given.is_on("--simulate-past");
        Ok(Start::Serve(Box::new(Options {
            host: given.text("--host").map_or_else(|| HOST.to_owned(), |(_, host)| host),
            port: given
                .parsed("--port", "is no port; give a number from 0 to 65535 (0 takes a free one)")?
                .unwrap_or(PORT),
            data_dir: given.value("--data-dir").map_or_else(|| PathBuf::from(DATA_DIR), |(_, path)| path.into()),
            database_url: given.text("--database-url").map(|(_, url)| Secret(url)),
            redis_url: given.text("--redis-url").map(|(_, url)| Secret(url)),
            admin_token: admin_token(&given)?,
            limits: given.value("--limits").map(|(_, path)| path.into()),
            metrics_addr: given.text("--metrics-addr").map(|(_, address)| address),
            metrics_token: given.token("--metrics-token")?,
            session_key: session_key.map(Secret),
            secure_cookies: given.is_on("--secure-cookies"),
            demo_users: given.is_on("--demo-users"),
            simulate: (past || given.is_on("--simulate")).then_some(Simulate { seed, past }),
            log: given.parsed("--log", "is no level; take off, error, warn, info, debug or trace")?.unwrap_or_default(),
        })))
    }
}

/// By the rules of the scraper's token.
fn admin_token<E: Fn(&str) -> Option<OsString>>(given: &Given<E>) -> Result<Option<Secret>, StartError> {
    given.token("--admin-token")?;
    Ok(given.text("--admin-token").map(|(_, token)| Secret(token)))
}

/// What the arguments come to.
enum Read {
    /// The values by argument.
    Arguments(BTreeMap<&'static str, OsString>),
    /// Something else than serving is to be done.
    Other(Start),
}

fn read_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Read, StartError> {
    let mut read = BTreeMap::new();
    let mut arguments = Parser::from_args(arguments);
    while let Some(argument) = arguments.next().map_err(StartError::Argument)? {
        let flag = match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Read::Other(Start::Help)),
            Arg::Long("write-rules") => {
                let directory = arguments.value().map_err(StartError::Argument)?;
                return Ok(Read::Other(Start::WriteRules(directory.into())));
            }
            Arg::Long(name) => FLAGS.iter().find(|flag| flag.argument.strip_prefix("--") == Some(name)),
            _ => None,
        };
        let Some(flag) = flag else { return Err(StartError::Argument(argument.unexpected())) };
        let value =
            if flag.takes_value { arguments.value().map_err(StartError::Argument)? } else { OsString::from("1") };
        read.insert(flag.argument, value);
    }
    Ok(Read::Arguments(read))
}

/// What was given, and by what.
struct Given<E> {
    arguments: BTreeMap<&'static str, OsString>,
    environment: E,
}

impl<E: Fn(&str) -> Option<OsString>> Given<E> {
    fn value(&self, argument: &'static str) -> Option<(&'static str, OsString)> {
        if let Some(value) = self.arguments.get(argument) {
            return Some((argument, value.clone()));
        }
        let flag = FLAGS.iter().find(|flag| flag.argument == argument)?;
        (self.environment)(flag.variable).map(|value| (flag.variable, value))
    }

    fn text(&self, argument: &'static str) -> Option<(&'static str, String)> {
        let (given_by, value) = self.value(argument)?;
        Some((given_by, value.to_string_lossy().into_owned()))
    }

    /// In the environment, a switch is on unless it is empty or 0.
    fn is_on(&self, argument: &'static str) -> bool {
        self.text(argument).is_some_and(|(_, value)| !value.is_empty() && value != "0")
    }

    fn parsed<T: FromStr>(&self, argument: &'static str, wrong: &str) -> Result<Option<T>, StartError> {
        let Some((given_by, text)) = self.text(argument) else { return Ok(None) };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(StartError::Value { given_by, wrong: format!("is `{text}`, which {wrong}") }),
        }
    }

    /// An error names the place alone: a token is nobody's business.
    fn token(&self, argument: &'static str) -> Result<Option<BearerToken>, StartError> {
        let Some((given_by, text)) = self.text(argument) else { return Ok(None) };
        text.parse().map(Some).map_err(|source| StartError::Token { given_by, source })
    }
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
            Ok(Start::Serve(options)) => Ok(*options),
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

    #[test]
    fn help_names_every_option_and_its_variable() {
        for Flag { argument, variable, .. } in FLAGS {
            assert!(HELP.contains(&format!("  {argument} ")), "{argument}");
            assert!(HELP.contains(variable), "{variable}");
        }
    }

    #[test]
    fn a_switch_is_on_when_it_is_given_or_set() {
        let secure = |arguments: &[&str], environment: &[(&str, &str)]| {
            options(arguments, environment).expect("options").secure_cookies
        };
        assert!(!secure(&[], &[]));
        assert!(secure(&["--secure-cookies"], &[]));
        assert!(secure(&[], &[("DEMO_SECURE_COOKIES", "1")]));
        assert!(!secure(&[], &[("DEMO_SECURE_COOKIES", "0")]));
    }

    #[test]
    fn a_past_is_simulated_traffic_too() {
        let simulate = |arguments: &[&str]| options(arguments, &[]).expect("options").simulate;
        assert_eq!(simulate(&["--simulate-seed", "7"]), None);
        assert_eq!(simulate(&["--simulate"]), Some(Simulate { seed: 1, past: false }));
        assert_eq!(simulate(&["--simulate-past", "--simulate-seed=7"]), Some(Simulate { seed: 7, past: true }));
    }

    #[test]
    fn secrets_are_not_printed_with_the_options() {
        let key = "0123456789abcdef0123456789abcdef";
        let url = "postgres://demo:hunter2@localhost/demo";
        let options = options(&["--database-url", url], &[("DEMO_SESSION_KEY", key)]).expect("options");
        let printed = format!("{options:?}");
        assert!(!printed.contains(key) && !printed.contains("hunter2"), "{printed}");
        let short = super::tests::options(&[], &[("DEMO_SESSION_KEY", &key[1..])]).expect_err("a short key");
        assert!(short.starts_with("DEMO_SESSION_KEY has fewer than 32 bytes") && !short.contains(&key[1..]), "{short}");
    }
}
