//! Writes the functions under test: each attribute of ours above and below each attribute of somebody else's, with each
//! body on several lines and on one.

use std::{env, fs};

use ui::lab::on_one_line;

/// Attributes of ours, and how a function under one tells how often it was called.
const OURS: [(&str, &str, &str); 4] = [
    (
        "instrument",
        r#"#[monitor_runtime::instrument(counter = ui_stacked::CALLS, on = "any", place = module_path!())]"#,
        "ui_stacked::CALLS.with(ui_stacked::CALLS { place: module_path!() }).value()",
    ),
    (
        "track_latency",
        "#[monitor_runtime::track_latency(ui_stacked::LATENCY, place = module_path!())]",
        "ui_stacked::LATENCY.with(ui_stacked::LATENCY { place: module_path!() }).count()",
    ),
    (
        "with_credits",
        "#[monitor_runtime::with_credits(cost = 1, account = ui_stacked::payer(module_path!()), ledger = *ui_stacked::LEDGER)]",
        "ui_stacked::spent(module_path!())",
    ),
    ("detect_anomalies", r#"#[monitor_runtime::detect_anomalies("stacked", latency_threshold = 5)]"#, "EXPECTED"),
];

/// Two functions under `THEIRS`, one of which returns early.
const SYNC: &str = "
#[attribute]
THEIRS
fn called(number: u32) -> ui_stacked::Answer {
    Ok(number * 2)
}
#[attribute]
THEIRS
fn returns(number: u32) -> ui_stacked::Answer {
    if number > 3 {
        return Ok(1);
    }
    Ok(number * 2)
}
#[test]
fn it_runs() {
    assert_eq!((called(1), called(2), returns(3), returns(4)), (Ok(2), Ok(4), Ok(6), Ok(1)));
    assert_eq!(CALLED, 4);
}
";
const ASYNC: &str = "
#[attribute]
THEIRS
async fn called(number: u32) -> ui_stacked::Answer {
    Ok(number * 2)
}
#[attribute]
THEIRS
async fn returns(number: u32) -> ui_stacked::Answer {
    std::future::ready(()).await;
    if number > 3 {
        return Ok(1);
    }
    Ok(number * 2)
}
#[test]
fn it_runs() {
    let answers = ui_stacked::run(async { (called(1).await, called(2).await, returns(3).await, returns(4).await) });
    assert_eq!(answers, (Ok(2), Ok(4), Ok(6), Ok(1)));
    assert_eq!(CALLED, 4);
}
";
/// A test of its own.
const TEST: &str = "
#[attribute]
THEIRS
fn test_itself() -> ui_stacked::Answer<()> {
    Ok(())
}
";
const ASYNC_TEST: &str = "
#[attribute]
THEIRS
async fn test_itself() -> ui_stacked::Answer<()> {
    Ok(())
}
";
/// A handler of a web framework, which is called as the framework would.
const ACTIX: &str = "
#[attribute]
THEIRS
async fn called() -> ui_stacked::Answer<String> {
    Ok(String::from(\"served\"))
}
#[test]
fn it_runs() {
    let status = ui_stacked::run(async {
        let app = actix_web::test::init_service(actix_web::App::new().service(called)).await;
        let request = actix_web::test::TestRequest::with_uri(\"/called\").to_request();
        actix_web::test::call_service(&app, request).await.status()
    });
    assert_eq!(status.as_u16(), 200);
    assert_eq!(CALLED, 1);
}
";
const TOKIO_MAIN: &str = "
#[attribute]
THEIRS
async fn called() -> ui_stacked::Answer {
    Ok(3)
}
#[test]
fn it_runs() {
    assert_eq!(called(), Ok(3));
    assert_eq!(CALLED, 1);
}
";
const IMPL_OF_TRAIT: &str = "
#[allow(dead_code)]
THEIRS
trait Shop {
    fn double(&self, number: u32) -> ui_stacked::Answer;
}
struct Open;
impl Shop for Open {
    #[attribute]
    fn double(&self, number: u32) -> ui_stacked::Answer {
        Ok(number * 2)
    }
}
#[test]
fn it_runs() {
    assert_eq!(Open.double(3), Ok(6));
    assert_eq!(CALLED, 1);
}
";
const DEFAULT_METHOD: &str = "
#[allow(dead_code)]
THEIRS
trait Shop {
    #[attribute]
    fn double(&self, number: u32) -> ui_stacked::Answer {
        Ok(number * 2)
    }
}
struct Open;
impl Shop for Open {}
#[test]
fn it_runs() {
    assert_eq!(Open.double(3), Ok(6));
    assert_eq!(CALLED, 1);
}
";
const ASYNC_TRAIT: &str = "
THEIRS
trait Shop {
    async fn double(&self, number: u32) -> ui_stacked::Answer;
}
struct Open;
THEIRS
impl Shop for Open {
    #[attribute]
    async fn double(&self, number: u32) -> ui_stacked::Answer {
        Ok(number * 2)
    }
}
#[test]
fn it_runs() {
    assert_eq!(ui_stacked::run(Open.double(3)), Ok(6));
    assert_eq!(CALLED, 1);
}
";
const ASYNC_TRAIT_ABOVE: &str = "
THEIRS
trait Shop {
    async fn double(&self, number: u32) -> ui_stacked::Answer;
}
struct Open;
#[attribute]
THEIRS
impl Shop for Open {
    async fn double(&self, number: u32) -> ui_stacked::Answer {
        Ok(number * 2)
    }
}
#[test]
fn it_runs() {
    assert_eq!(ui_stacked::run(Open.double(3)), Ok(6));
    assert_eq!(CALLED, 1);
}
";
const EXTENSION: &str = "
THEIRS
impl u32 {
    #[attribute]
    fn double(&self) -> ui_stacked::Answer {
        Ok(self * 2)
    }
}
#[test]
fn it_runs() {
    assert_eq!(3_u32.double(), Ok(6));
    assert_eq!(CALLED, 1);
}
";
const BUILDER: &str = "
#[attribute]
THEIRS
fn called(number: u32) -> ui_stacked::Answer {
    Ok(number * 2)
}
#[test]
fn it_runs() {
    assert_eq!(called().number(3).call(), Ok(6));
    assert_eq!(CALLED, 1);
}
";
const NAMED: &str = "
#[attribute]
THEIRS
fn called(number: u32) -> ui_stacked::Answer {
    Ok(number + function_name!().len() as u32)
}
#[test]
fn it_runs() {
    assert_eq!(called(3), Ok(9));
    assert_eq!(CALLED, 1);
}
";
const CASE: &str = "
#[attribute]
THEIRS
fn test_itself(#[case] number: u32) -> ui_stacked::Answer<()> {
    assert!(number > 2);
    Ok(())
}
";
const TEST_CASE: &str = "
#[attribute]
THEIRS
fn test_itself(number: u32) -> ui_stacked::Answer<()> {
    assert!(number > 2);
    Ok(())
}
";
const QUICKCHECK: &str = "
#[attribute]
THEIRS
fn test_itself(number: u32) -> ui_stacked::Answer<bool> {
    Ok(number.checked_add(0) == Some(number))
}
";
const CONTEXT: &str = "
#[allow(dead_code)]
struct Before;
impl test_context::TestContext for Before {
    fn setup() -> Self {
        Before
    }
}
#[attribute]
THEIRS
#[test]
fn test_itself(before: &mut Before) -> ui_stacked::Answer<()> {
    let Before = before;
    Ok(())
}
";

/// Attributes of others: the name of the case, the attribute, and the function under it. "Above" is ours above theirs,
/// which expands ours first; "below" is the reverse.
const CASES: &[(&str, &str, &str)] = &[
    ("cached", "#[cached::macros::cached]", SYNC),
    ("cached_async", "#[cached::macros::cached]", ASYNC),
    ("memoize", "#[memoize::memoize]", SYNC),
    ("tracing", "#[tracing::instrument]", SYNC),
    ("tracing_async", "#[tracing::instrument(skip_all, err)]", ASYNC),
    ("fastrace", "#[fastrace::trace]", SYNC),
    ("fastrace_async", "#[fastrace::trace]", ASYNC),
    ("autometrics", "#[autometrics::autometrics]", SYNC),
    ("autometrics_async", "#[autometrics::autometrics]", ASYNC),
    ("logcall", "#[logcall::logcall(\"info\")]", SYNC),
    ("function_name", "#[function_name::named]", NAMED),
    ("contracts", "#[contracts::requires(number > 0)]", SYNC),
    ("recursive", "#[recursive::recursive]", SYNC),
    ("multiversion", "#[multiversion::multiversion(targets(\"x86_64+avx2\"))]", SYNC),
    ("maybe_async", "#[maybe_async::maybe_async]", "MAYBE"),
    ("utoipa", "#[utoipa::path(get, path = \"/called\")]", SYNC),
    ("utoipa_async", "#[utoipa::path(get, path = \"/called\")]", ASYNC),
    ("axum", "#[axum::debug_handler]", "AXUM"),
    ("async_recursion", "#[async_recursion::async_recursion]", ASYNC),
    ("async_backtrace", "#[async_backtrace::framed]", ASYNC),
    ("actix_get", "#[actix_web::get(\"/called\")]", ACTIX),
    ("actix_route", "#[actix_web::route(\"/called\", method = \"GET\", method = \"POST\")]", ACTIX),
    ("tokio_main", "#[tokio::main(flavor = \"current_thread\")]", TOKIO_MAIN),
    ("tokio_test", "#[tokio::test]", ASYNC_TEST),
    ("actix_test", "#[actix_web::test]", ASYNC_TEST),
    ("serial_test", "#[test]\n#[serial_test::serial]", TEST),
    ("serial_test_async", "#[tokio::test]\n#[serial_test::serial]", ASYNC_TEST),
    ("rstest", "#[rstest::rstest]\n#[case(3)]\n#[case(4)]", CASE),
    ("test_case", "#[test_case::test_case(3)]\n#[test_case::test_case(4)]", TEST_CASE),
    ("test_log", "#[test_log::test]", TEST),
    ("ntest", "#[test]\n#[ntest::timeout(60_000)]", TEST),
    ("quickcheck", "#[quickcheck_macros::quickcheck]", QUICKCHECK),
    ("test_context", "#[test_context::test_context(Before)]", CONTEXT),
    ("bon", "#[bon::builder]", BUILDER),
    ("duplicate", "#[duplicate::duplicate_item(unused; [unused])]", SYNC),
    ("async_trait", "#[async_trait::async_trait]", ASYNC_TRAIT),
    ("async_trait_impl", "#[async_trait::async_trait]", ASYNC_TRAIT_ABOVE),
    ("mockall", "#[mockall::automock]", IMPL_OF_TRAIT),
    ("mockall_default", "#[mockall::automock]", DEFAULT_METHOD),
    ("auto_impl", "#[auto_impl::auto_impl(&, Box)]", IMPL_OF_TRAIT),
    ("easy_ext", "#[easy_ext::ext(Double)]", EXTENSION),
    ("trait_variant", "#[trait_variant::make(Send)]", "VARIANT"),
];

/// What cannot be stacked, as the manual of `#[instrument]` says in a table: a case, where ours is, an attribute of ours or
/// all, and why.
const LEFT_OUT: &[(&str, &str, &str, &str)] = &[
    ("cached", "below", "all", "it copies the attributes to both functions that it makes: a call is counted twice"),
    (
        "cached_async",
        "below",
        "all",
        "it copies the attributes to both functions that it makes: a call is counted twice",
    ),
    ("ntest", "below", "all", "it reads the arguments of every attribute below it as literals"),
    ("easy_ext", "above", "all", "it copies the attributes of a method to the trait, where the method has no body"),
    ("mockall_default", "above", "track_latency", "it copies all attributes but `instrument` into the mock"),
    ("mockall_default", "above", "with_credits", "it copies all attributes but `instrument` into the mock"),
    ("mockall_default", "above", "detect_anomalies", "it copies all attributes but `instrument` into the mock"),
    ("maybe_async", "above", "with_credits", "it takes the waiting out of what `with_credits` made"),
    ("quickcheck", "below", "with_credits", "it puts the attribute on a function that returns nothing"),
];

/// Attributes that make rustc call the braces of a body on one line unnecessary without ours too.
const WARN_ALONE: [&str; 7] =
    ["fastrace", "autometrics", "autometrics_async", "recursive", "multiversion", "async_backtrace", "actix_test"];

fn template(name: &str) -> String {
    match name {
        "MAYBE" => SYNC.replace("fn called", "async fn called").replace("fn returns", "async fn returns"),
        "AXUM" => ASYNC
            .replace("called(number: u32)", "called()")
            .replace("returns(number: u32)", "returns()")
            .replace("    Ok(number * 2)", "    Ok(\"served\")")
            .replace("number > 3", "false")
            .replace("return Ok(1)", "return Ok(\"early\")")
            .replace("Answer {", "Answer<&'static str> {")
            .replace(
                "(called(1).await, called(2).await, returns(3).await, returns(4).await)",
                "(called().await, called().await, returns().await, returns().await)",
            )
            .replace(
                "(Ok(2), Ok(4), Ok(6), Ok(1))",
                "(Ok(\"served\"), Ok(\"served\"), Ok(\"served\"), Ok(\"served\"))",
            ),
        "VARIANT" => ASYNC_TRAIT.replacen("THEIRS\nimpl", "impl", 1),
        source => source.to_owned(),
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let (mut out, mut stacked) = (String::new(), 0);
    for (case, theirs, source) in CASES {
        let source = template(source);
        for order in ["above", "below"] {
            // Those whose attribute stands on a trait or an `impl` have one order each.
            let swaps = source.contains("#[attribute]\nTHEIRS");
            let place = "#[attribute]\nTHEIRS";
            let ordered = if order == "below" { source.replace(place, "THEIRS\n#[attribute]") } else { source.clone() };
            if order == "below" && !swaps {
                continue;
            }
            for (ours, attribute, called) in OURS {
                let left_out = |(name, at, which, _): &(&str, &str, &str, &str)| {
                    name == case && *at == order && (*which == ours || *which == "all")
                };
                if LEFT_OUT.iter().any(left_out) {
                    continue;
                }
                let expected = ordered.split("assert_eq!(CALLED, ").nth(1).and_then(|rest| rest.split(')').next());
                let called = called.replace("EXPECTED", expected.unwrap_or("0"));
                for (form, text) in [("lines", ordered.clone()), ("line", on_one_line(&ordered))] {
                    let text = text.replace("THEIRS", theirs).replace("#[attribute]", attribute);
                    let text = text.replace("CALLED", &called);
                    if WARN_ALONE.contains(case) && order == "below" && form == "line" {
                        out += "#[allow(unused_braces, reason = \"of theirs\")]\n";
                    }
                    out += &format!("mod {case}_{order}_{ours}_{form} {{{text}}}\n");
                    stacked += 1;
                }
            }
        }
    }
    out +=
        &format!("/// How many functions, traits and `impl` blocks are stacked.\nconst STACKED: usize = {stacked};\n");
    let names = LEFT_OUT.iter().map(|(case, ..)| case.trim_end_matches("_async").trim_end_matches("_default"));
    out += &format!("/// What cannot be stacked.\nconst LEFT_OUT: &[&str] = &{:?};\n", names.collect::<Vec<_>>());
    let folder = env::var("OUT_DIR").expect("cargo names a folder");
    fs::write(format!("{folder}/stacked.rs"), out).expect("the functions are written");
}
