//! Other macros read what ours become: each function of tests/ui, under each attribute, with the parser that most of them
//! are built on.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

use crate::{detect_anomalies, instrument, track_latency, with_credits};

/// Reads items with syn 2, those behind `as_written!` too, and expects it to give back what it read.
pub(crate) fn by_syn_2(tokens: &TokenStream) -> Result<(), String> {
    let file: syn2::File = syn2::parse2(tokens.clone()).map_err(|error| error.to_string())?;
    for item in &file.items {
        if let syn2::Item::Macro(item) = item
            && item.mac.path.segments.last().is_some_and(|last| last.ident == "as_written")
        {
            by_syn_2(&item.mac.tokens)?;
        }
    }
    // Whether two signs stand together, syn says in its own way.
    let text = |tokens: &TokenStream| tokens.to_string().split_whitespace().collect::<String>();
    let (before, after) = (text(tokens), text(&file.to_token_stream()));
    if before == after { Ok(()) } else { Err(format!("it gives back\n{after}\ninstead of\n{before}")) }
}

type Expand = fn(TokenStream, TokenStream) -> TokenStream;

/// An attribute for each shape of an expansion.
const ATTRIBUTES: [(Expand, &str); 9] = [
    (instrument::expand, "counter = CALLS"),
    (instrument::expand, "counter = CALLS, on = \"any\""),
    (instrument::expand, "counter = CALLS, histogram = LATENCY, gauge = RUNNING"),
    (instrument::expand, "counter = CALLS, histogram = LATENCY, kind = 1 + 2, by = 3 + 4"),
    (instrument::expand, "counter = RESULTS, on = \"failure\", outcome, result = |result| text(result)"),
    (track_latency::expand, "LATENCY"),
    (detect_anomalies::expand, "\"name\", latency_threshold = 0.5"),
    (with_credits::expand, "cost = 5"),
    (with_credits::expand, "cost = 2 * 3, account = \"ada\", idempotency_key = \"key\", when_down = \"serve\""),
];

/// The functions below an attribute: one of ours, or the place for one.
fn annotated(tokens: TokenStream, found: &mut Vec<TokenStream>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        annotated(group.stream(), found);
        let text = group.stream().to_string().replace(' ', "");
        let ours = ["instrument", "track_latency", "detect_anomalies", "with_credits"].iter().any(|name| {
            ["monitor_runtime::", "telemetry::"].iter().any(|start| text.contains(&format!("{start}{name}(")))
        });
        let is_attribute = at > 0 && matches!(&tokens[at - 1], TokenTree::Punct(punct) if punct.as_char() == '#');
        if group.delimiter() == Delimiter::Bracket && is_attribute && (ours || text == "attribute") {
            let rest = tokens[at + 1..].iter();
            let mut item = TokenStream::new();
            for token in rest {
                item.extend([token.clone()]);
                match token {
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                    TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                    _ => {}
                }
            }
            found.push(item);
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn what_syn_2_cannot_read_is_found() {
    let read = |text: &str| by_syn_2(&text.parse().expect("tokens"));
    assert!(read("fn f() -> u8 { 'body: { break 'body (::a::b()); } }").is_ok());
    assert!(read("fn f() -> u8 { 'body: { break 'body ::a::b(); } }").is_err());
    assert!(read("as_written! { fn f() -> u8 { 'body: { break 'body ::a::b(); } } }").is_err());
}

#[test]
fn whatever_syn_2_can_read_it_can_read_below_our_attributes() {
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/ui")), &mut files);
    let (mut read, mut wrong) = (0, Vec::new());
    for file in files.iter().filter(|file| !file.components().any(|part| part.as_os_str() == "fail")) {
        let Ok(tokens) = fs::read_to_string(file).expect("a source").parse() else { continue };
        let mut functions = Vec::new();
        annotated(tokens, &mut functions);
        // What syn 2 cannot read without us is left out: `async` closures, `$name` in a macro.
        for function in functions.into_iter().filter(|function| by_syn_2(function).is_ok()) {
            for (expand, arguments) in ATTRIBUTES {
                let expansion = expand(arguments.parse().expect("tokens"), function.clone());
                if let Err(error) = by_syn_2(&expansion) {
                    wrong.push(format!("{} under ({arguments}): {error}\n{function}", file.display()));
                }
                read += 1;
            }
        }
    }
    println!("{read} expansions are read, {} are not", wrong.len());
    assert!(wrong.is_empty(), "{} cannot be read:\n{}", wrong.len(), wrong.join("\n"));
    assert!(read > 4000, "too few to say anything: {read}");
}
