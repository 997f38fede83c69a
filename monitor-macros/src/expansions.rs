//! What each attribute becomes, one snapshot a shape, in `tests/expansions`; in those of `clippy`, what clippy is shown.
//! `BLESS=1 cargo test -p monitor-macros` writes them anew.

use std::path::Path;
use std::{env, fs};

use proc_macro2::TokenStream;
use quote::quote;

use crate::{detect_anomalies, instrument, label_value, metrics, readable, timer, track_latency, with_credits};

/// Compares the expansion of `input` with its snapshot.
fn check(name: &str, input: &str, expansion: TokenStream) {
    readable::by_syn_2(&expansion).unwrap_or_else(|error| panic!("syn 2 cannot read {name}: {error}"));
    let mut file: syn::File = syn::parse2(expansion).unwrap_or_else(|error| panic!("{name} does not parse: {error}"));
    // Two items, one of which is compiled: the first is a macro around what clippy is shown.
    if let [syn::Item::Macro(seen), syn::Item::Fn(measured)] = file.items.as_mut_slice() {
        if name.starts_with("clippy") {
            file.items = vec![seen.mac.parse_body().expect("a function")];
        } else {
            measured.attrs.retain(|attribute| !attribute.path().is_ident("cfg"));
            file.items.remove(0);
        }
    }
    let input: String = input.trim().lines().map(|line| format!("// {}\n", line.trim_end())).collect();
    let new = format!("{input}\n{}", prettyplease::unparse(&file));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expansions").join(format!("{name}.rs"));
    if env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(&path, new).expect("the snapshot is written");
        return;
    }
    let old = fs::read_to_string(&path).unwrap_or_default();
    assert!(old == new, "{name} becomes something else; if that is right: BLESS=1\n{new}");
}

/// `attributes!(name: attribute(..) on item)`: each is a test.
macro_rules! attributes {
    ($($name:ident: $module:ident $arguments:literal, $item:literal;)*) => {$(
        #[test]
        fn $name() {
            let (arguments, item) = ($arguments.parse().expect("tokens"), $item.parse().expect("tokens"));
            let input = format!("#[{}({})]\n{}", stringify!($module), $arguments, $item);
            check(stringify!($name), &input, $module::expand(arguments, item));
        }
    )*};
}

attributes! {
    counter: instrument "counter = CALLS, kind = \"a\"",
        "fn call(number: u8) -> u8 {\n    number + 1\n}";
    counter_of_a_result: instrument "counter = CALLS, kind = \"a\"",
        "fn call(text: &str) -> Result<u8, ParseIntError> {\n    Ok(text.parse()?)\n}";
    counter_of_an_async_fn: instrument "counter = CALLS, kind = \"a\"",
        "async fn call(text: &str) -> Result<u8, ParseIntError> {\n    Ok(text.parse()?)\n}";
    counter_of_a_method: instrument "counter = metrics::CALLS",
        "pub fn call(&mut self) -> Option<&mut u8> {\n    self.numbers.last_mut()\n}";
    counter_by_an_amount: instrument "counter = BYTES, by = data.len() as u64, on = \"failure\"",
        "fn send(data: &[u8]) -> io::Result<()> {\n    write(data)\n}";
    counter_labelled_at_run_time: instrument "counter = CALLS, kind = kind, good = number > 3",
        "fn call(kind: &str, number: u8) -> u8 {\n    number + 1\n}";
    counter_labelled_by_the_result: instrument "counter = CALLS, kind = kind, good = |number| *number > 3, outcome",
        "async fn call(kind: &str) -> u8 {\n    3\n}";
    gauge: instrument "gauge = RUNNING, kind = \"a\"",
        "async fn call() {\n    work().await\n}";
    all_metrics: instrument "counter = CALLS, histogram = LATENCY, gauge = RUNNING, kind = kind",
        "async fn call(kind: &str) -> Result<u8, String> {\n    Ok(3)\n}";
    returned_future: instrument "counter = CALLS, kind = \"a\"",
        "fn call() -> impl Future<Output = u8> {\n    async { 3 }\n}";
    returned_box: instrument "counter = CALLS, kind = \"a\"",
        "fn call<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {\n    Box::pin(async { 3 })\n}";
    impl_block: instrument "counter = CALLS",
        "impl Shop {\n    const SIZE: u8 = 1;\n    const fn size() -> u8 {\n        Self::SIZE\n    }\n    fn open(&self) {}\n}";
    renamed_crate: instrument "counter = CALLS, crate = company::telemetry",
        "fn call() {\n    work();\n}";
    histogram: track_latency "LATENCY, operation = \"pdf\"",
        "fn export() -> Vec<u8> {\n    Vec::new()\n}";
    histogram_of_an_async_fn: track_latency "LATENCY, operation = \"pdf\"",
        "async fn export() -> Vec<u8> {\n    Vec::new()\n}";
    watched: detect_anomalies "\"credit_charging\", latency_threshold = \"500ms\", error_threshold = 0.01",
        "fn charge(credits: u64) -> Result<u64, Refusal> {\n    Ok(credits)\n}";
    watched_async_fn: detect_anomalies "\"credit_charging\"",
        "async fn charge(&mut self) -> Result<u64, Refusal> {\n    self.take().await\n}";
    watched_without_a_result: detect_anomalies "\"clean_up\", crate = company::telemetry",
        "fn clean_up() {\n    work();\n}";
    never_returns: track_latency "LATENCY",
        "fn serve() -> ! {\n    loop {}\n}";
    paid: with_credits "cost = 5",
        "async fn report(pages: u32) -> Result<u32, CreditsError> {\n    Ok(pages)\n}";
    paid_with_everything: with_credits "cost = pages * 2, account = user.id, operation = \"report\", ledger = credits, idempotency_key = key, when_down = \"serve\", on_drop = \"capture\"",
        "async fn report(pages: u32, user: User, credits: Credits, key: &str) -> HttpResponse {\n    HttpResponse::Ok().finish()\n}";
    paid_sync: with_credits "cost = 5",
        "fn report(&mut self) -> Result<&mut u32, CreditsError> {\n    Ok(&mut self.pages)\n}";
    paid_box: with_credits "cost = 5",
        "fn report<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<u8, CreditsError>> + Send + 'a>> {\n    Box::pin(async { Ok(3) })\n}";
    paid_future: with_credits "cost = 5",
        "fn report() -> impl Future<Output = Result<u8, CreditsError>> {\n    async { Ok(3) }\n}";
    paid_mistake: with_credits "cost = -5, operation = \"\", price = 3",
        "const fn report() {}";
    clippy: instrument "counter = CALLS, kind = kind",
        "fn call(kind: &str) -> u8 {\n    use std::cmp::max;\n    let number = max(1, 3);\n    number\n}";
    clippy_of_a_future: instrument "counter = CALLS, good = |number| *number > 3",
        "fn call<'a>(numbers: &'a [u8]) -> Pin<Box<dyn Future<Output = &'a u8> + 'a>> {\n    async move { &numbers[0] }\n}";
    mistake: instrument "counter = \"calls_total\", on = \"never\"",
        "const fn call() -> u8 {\n    1\n}";
}

#[test]
fn metrics_of_each_kind() {
    let input = r#"
metrics! {
    registry REGISTRY;
    /// Logins
    pub counter LOGINS = "logins_total" { method: &'static str, good: bool } limit 50;
    /// Jobs
    pub(crate) counter JOBS = "jobs_total" { #[label(max = 9)] tenant: &str };
    /// Export latency in seconds
    histogram EXPORT_LATENCY = "export_latency_seconds" { plan: Plan } buckets [0.1, 1];
    /// Reports being made
    #[cfg(unix)]
    gauge REPORTS_RUNNING = "reports_running";
}"#;
    let tokens: TokenStream =
        input.trim().trim_start_matches("metrics! {").trim_end_matches('}').parse().expect("tokens");
    check("metrics", input, metrics::expand(tokens));
}

#[test]
fn derived_label_value() {
    let input = "#[derive(LabelValue)]\nenum Plan {\n    Free,\n    #[label(\"gold\")]\n    Paid,\n}";
    let item = "enum Plan { Free, #[label(\"gold\")] Paid }".parse().expect("tokens");
    check("label_value", input, label_value::expand(item));
}

#[test]
fn timers() {
    let literal = timer::expand(quote!(EXPORT_LATENCY, operation = "pdf"));
    let found = timer::expand(quote!(EXPORT_LATENCY, operation = name));
    let input =
        "let a = timer!(EXPORT_LATENCY, operation = \"pdf\");\nlet b = timer!(EXPORT_LATENCY, operation = name);";
    check("timer", input, quote!(fn scope() { let a = #literal; let b = #found; }));
}
