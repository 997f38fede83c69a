//! What the program was told: arguments first, then the environment, then the defaults. It touches neither.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::{ArgAction, Command, CommandFactory, Parser};
use monitor_runtime::actix::BearerToken;

use crate::StartError;
use crate::log::LogLevel;
use crate::proxies::Proxies;

const HOST: &str = "127.0.0.1";
const PORT: u16 = 8080;
const DATA_DIR: &str = "demo-data";
/// As long as the key that it becomes.
const SESSION_KEY_MIN: usize = 32;

/// An actix-web service that shows monitor-runtime at work.
#[derive(Debug, Parser)]
#[command(name = "demo-app", args_override_self = true, after_help = AFTER_HELP)]
struct Arguments {
    #[arg(long, value_name = "HOST", help = variable("DEMO_HOST", "127.0.0.1", "Address or name to listen on"))]
    host: Option<OsString>,
    #[arg(long, value_name = "PORT", help = variable("DEMO_PORT", "8080", "Port to listen on; 0 takes a free one"))]
    port: Option<OsString>,
    #[arg(long, value_name = "DIRECTORY", help = variable("DEMO_DATA_DIR", "demo-data",
        "Directory for users, sessions and credits"))]
    data_dir: Option<OsString>,
    #[arg(long, value_name = "URL", help = variable("DEMO_DATABASE_URL", "",
        "PostgreSQL for users, sessions and credits, in place of the directory. Several instances can share it; give \
         them the same DEMO_SESSION_KEY"))]
    database_url: Option<OsString>,
    #[arg(long, value_name = "URL", help = variable("DEMO_REDIS_URL", "",
        "Redis through which several instances export one number of active users"))]
    redis_url: Option<OsString>,
    #[arg(long, value_name = "TOKEN", help = variable("DEMO_ADMIN_TOKEN", "",
        "Bearer token for POST /admin/grants and /admin/verify. Without it these routes answer 401"))]
    admin_token: Option<OsString>,
    #[arg(long, value_name = "FILE", help = variable("DEMO_LIMITS", "",
        "TOML file that says what is normal for an endpoint. SIGHUP reads it again"))]
    limits: Option<OsString>,
    #[arg(long, value_name = "HOST:PORT", help = variable("DEMO_METRICS_ADDR", "",
        "Address for /metrics and /monitor, in place of the service's own. A port alone is on 127.0.0.1"))]
    metrics_addr: Option<OsString>,
    #[arg(long, value_name = "TOKEN", help = variable("DEMO_METRICS_TOKEN", "",
        "Bearer token for /metrics and /monitor. Set it if other machines can reach them: they show who uses the service"))]
    metrics_token: Option<OsString>,
    #[arg(long, value_name = "CIDR", action = ArgAction::Append, help = variable("DEMO_TRUSTED_PROXY", "",
        "Network of the proxies before the service, such as 10.0.0.0/8; can be repeated, or a list with commas. \
         X-Forwarded-For and Forwarded count only from there. The proxy must set one of them"))]
    trusted_proxy: Vec<OsString>,
    #[arg(long, help = variable("DEMO_SECURE_COOKIES", "",
        "Send the session cookie over TLS only. Set it behind a proxy that speaks TLS"))]
    secure_cookies: bool,
    #[arg(long, help = variable("DEMO_DEMO_USERS", "",
        "Create the users ada, grace and edsger, whose passwords are in the README. They exist anyway if only this \
         machine can connect"))]
    demo_users: bool,
    #[arg(long, help = variable("DEMO_SIMULATE", "", "Make traffic: six users, about 8 requests a second"))]
    simulate: bool,
    #[arg(long, help = variable("DEMO_SIMULATE_PAST", "",
        "Like --simulate, and start with eight days of synthetic traffic already learned, so that changes of latency \
         and traffic are detected at once. It is not saved"))]
    simulate_past: bool,
    #[arg(long, value_name = "NUMBER", help = variable("DEMO_SIMULATE_SEED", "1",
        "Seed of the traffic; the same seed makes the same traffic"))]
    simulate_seed: Option<OsString>,
    #[arg(long, value_name = "LEVEL", help = variable("DEMO_LOG", "warn",
        "Log level on standard error: off, error, warn, info, debug or trace"))]
    log: Option<OsString>,
    /// Write Prometheus rules, their tests and a Grafana dashboard to this directory, and exit.
    #[arg(long, value_name = "DIRECTORY")]
    write_rules: Option<OsString>,
}

const AFTER_HELP: &str = "\
Arguments take precedence over environment variables. Other users of the machine can see arguments; put secrets into \
variables. DEMO_SESSION_KEY (32 bytes or more) has no option: it signs session cookies.";

/// The help of an option that has a variable in its place.
fn variable(name: &str, default: &str, what: &str) -> String {
    let default = if default.is_empty() { String::new() } else { format!(" [default: {default}]") };
    format!("{what} [env: {name}]{default}")
}

/// The variable in the place of an option: `--data-dir` and `DEMO_DATA_DIR`.
fn variable_of(argument: &str) -> String {
    format!("DEMO_{}", argument.trim_start_matches("--").replace('-', "_").to_uppercase())
}

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
    /// The proxies whose word counts.
    pub trusted_proxies: Proxies,
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
    /// Print this text.
    Help(String),
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
                given_by: "DEMO_SESSION_KEY".to_owned(),
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
            trusted_proxies: given
                .parsed("--trusted-proxy", "is not a list of networks; give such as 10.0.0.0/8,::1")?
                .unwrap_or_default(),
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
    Arguments(BTreeMap<String, OsString>),
    /// Something else than serving is to be done.
    Other(Start),
}

fn command() -> Command {
    Arguments::command()
}

fn read_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Read, StartError> {
    let name = std::iter::once(OsString::from("demo-app"));
    let mut matches = match command().try_get_matches_from(name.chain(arguments)) {
        Ok(matches) => matches,
        Err(asked) if asked.kind() == ErrorKind::DisplayHelp => {
            return Ok(Read::Other(Start::Help(asked.render().to_string())));
        }
        Err(error) => return Err(StartError::Argument(error)),
    };
    if let Some(directory) = matches.remove_one::<OsString>("write_rules") {
        return Ok(Read::Other(Start::WriteRules(directory.into())));
    }
    let mut read = BTreeMap::new();
    for option in command().get_arguments() {
        let id = option.get_id().as_str();
        let value = match option.get_action() {
            ArgAction::SetTrue => matches.remove_one::<bool>(id).filter(|on| *on).map(|_| OsString::from("1")),
            ArgAction::Set => matches.remove_one::<OsString>(id),
            ArgAction::Append => {
                matches.remove_many::<OsString>(id).map(|all| all.collect::<Vec<_>>().join(&OsString::from(",")))
            }
            _ => None,
        };
        if let (Some(value), Some(name)) = (value, option.get_long()) {
            read.insert(format!("--{name}"), value);
        }
    }
    Ok(Read::Arguments(read))
}

/// What was given, and by what.
struct Given<E> {
    arguments: BTreeMap<String, OsString>,
    environment: E,
}

impl<E: Fn(&str) -> Option<OsString>> Given<E> {
    fn value(&self, argument: &str) -> Option<(String, OsString)> {
        if let Some(value) = self.arguments.get(argument) {
            return Some((argument.to_owned(), value.clone()));
        }
        let variable = variable_of(argument);
        (self.environment)(&variable).map(|value| (variable, value))
    }

    fn text(&self, argument: &str) -> Option<(String, String)> {
        let (given_by, value) = self.value(argument)?;
        Some((given_by, value.to_string_lossy().into_owned()))
    }

    /// In the environment, a switch is on unless it is empty or 0.
    fn is_on(&self, argument: &str) -> bool {
        self.text(argument).is_some_and(|(_, value)| !value.is_empty() && value != "0")
    }

    fn parsed<T: FromStr>(&self, argument: &str, wrong: &str) -> Result<Option<T>, StartError> {
        let Some((given_by, text)) = self.text(argument) else { return Ok(None) };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(StartError::Value { given_by, wrong: format!("is `{text}`, which {wrong}") }),
        }
    }

    /// An error names the place alone: a token is nobody's business.
    fn token(&self, argument: &str) -> Result<Option<BearerToken>, StartError> {
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
    fn the_last_of_an_option_holds_and_proxies_add_up() {
        assert_eq!(read(&["--port", "1", "--port=2"], &[]), serve("127.0.0.1", 2));
        let proxies = |arguments: &[&str], environment: &[(&str, &str)]| {
            options(arguments, environment).map(|options| options.trusted_proxies)
        };
        let both = "10.0.0.0/8,::1".parse().expect("networks");
        assert_eq!(proxies(&["--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1"], &[]), Ok(both));
        let both = "10.0.0.0/8,::1".parse().expect("networks");
        assert_eq!(proxies(&[], &[("DEMO_TRUSTED_PROXY", "10.0.0.0/8, ::1")]), Ok(both));
        assert_eq!(proxies(&[], &[]), Ok(Proxies::default()));
        let wrong = proxies(&["--trusted-proxy", "proxy.local"], &[]).expect_err("a name");
        assert!(wrong.starts_with("--trusted-proxy is `proxy.local`, which is not a list of networks"), "{wrong}");
    }

    #[test]
    fn every_option_names_its_variable_in_the_help() {
        let Ok(Start::Help(help)) = Options::read([OsString::from("--help")], |_| None) else { panic!("no help") };
        // The help is wrapped to its width.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for option in command().get_arguments() {
            let name = option.get_long().expect("a long option");
            assert!(help.contains(&format!("--{name}")), "{name} is not in {help}");
            let without = ["help", "write-rules"].contains(&name);
            assert!(without || help.contains(&format!("[env: {}]", variable_of(name))), "{name}: {help}");
        }
    }

    #[test]
    fn an_unknown_argument_is_named() {
        let error = read(&["--prot", "1"], &[]).expect_err("an unknown argument");
        assert_eq!(error, "unexpected argument '--prot' found; see --help");
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
