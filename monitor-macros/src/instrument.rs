//! `#[instrument(..)]`: what was written, what is accepted, and the function around which it goes.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Expr, ExprLit, Lit, Path};

use crate::args::{self, Arg, Errors, Value, once};
use crate::families::{Families, LabelArg, On, Source};
use crate::wrap;

const METRICS: [&str; 3] = ["counter", "histogram", "gauge"];
const OPTIONS: [&str; 8] = ["counter", "histogram", "gauge", "on", "by", "outcome", "labels", "crate"];

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let named = match args::bare(&attribute) {
        Some((Expr::Path(path), rest)) if is_metric(&path.path) => {
            let text = path.to_token_stream().to_string().replace(' ', "");
            errors.at(
                path,
                format!(
                    "say which kind of metric `{text}` is: `counter = {text}`, `histogram = {text}` or `gauge = {text}`"
                ),
            );
            rest
        }
        _ => attribute.clone(),
    };
    let args = args::parse(named, &mut errors);
    let families = accept(args, &attribute, &mut errors);
    let runtime = families.as_ref().map_or_else(|| quote!(::monitor_runtime), |families| families.runtime.clone());
    wrap::apply("instrument", item, families, Families::around, &quote!(#[#runtime::instrument(#attribute)]), errors)
}

/// Whether a path without a name before it is meant to be a metric, and not an option.
fn is_metric(path: &Path) -> bool {
    let first = path.segments.first().map(|first| first.ident.to_string()).unwrap_or_default();
    path.segments.len() > 1 || first.starts_with(char::is_uppercase)
}

fn accept(args: Vec<Arg>, attribute: &TokenStream, errors: &mut Errors) -> Option<Families> {
    let mut written = Written::default();
    // Also one that is wrong is meant: nobody is told to add another.
    let counts = args.iter().any(|arg| arg.key == "counter") || !errors.is_empty();
    for arg in args {
        written.take(arg, errors);
    }
    let Written { counter, histogram, gauge, on, by, krate, labels } = written;
    let runtime = errors.take(args::runtime_path(krate));
    if counter.is_none() && histogram.is_none() && gauge.is_none() && errors.is_empty() {
        let example = "`counter = PATH`, `histogram = PATH` or `gauge = PATH`";
        let misspelt = labels.iter().find_map(|label| {
            args::nearest(&label.name.unraw().to_string(), &METRICS).map(|meant| (label.name.clone(), meant))
        });
        match misspelt {
            Some((name, meant)) => {
                errors.at(name, format!("`#[instrument]` needs a metric: {example}; did you mean `{meant}`?"));
            }
            None if attribute.is_empty() => {
                errors.push(syn::Error::new(
                    proc_macro2::Span::call_site(),
                    format!("`#[instrument]` needs a metric: {example}"),
                ));
            }
            None => errors.at(attribute, format!("`#[instrument]` needs a metric: {example}")),
        }
    }
    for (option, key) in [("on", on.as_ref().map(|(key, _)| key)), ("by", by.as_ref().map(|(key, _)| key))] {
        if let (Some(key), false) = (key, counts) {
            errors.at(key, format!("`{option}` is about a counter; add `counter = PATH`"));
        }
    }
    if gauge.is_some() {
        for label in labels.iter().filter(|label| matches!(label.source, Source::Result(_) | Source::Outcome)) {
            errors.at(
                &label.name,
                "a gauge counts calls in flight, which have no result yet; put the gauge in an `#[instrument]` of its own",
            );
        }
    }
    Some(Families {
        runtime: runtime?,
        counter,
        histogram,
        gauge,
        on: on.map_or(On::Success, |(_, on)| on),
        by: by.map(|(_, by)| by),
        labels,
    })
}

/// What the list says, before anything is asked of the whole.
#[derive(Default)]
struct Written {
    counter: Option<Path>,
    histogram: Option<Path>,
    gauge: Option<Path>,
    on: Option<(Ident, On)>,
    by: Option<(Ident, Expr)>,
    krate: Option<Expr>,
    labels: Vec<LabelArg>,
}

impl Written {
    fn take(&mut self, arg: Arg, errors: &mut Errors) {
        let key = arg.key.clone();
        match key.to_string().as_str() {
            "counter" => {
                if let Some(path) = errors.take(arg.metric("USER_SESSIONS")) {
                    once(&mut self.counter, &key, path, errors);
                }
            }
            "histogram" => {
                if let Some(path) = errors.take(arg.metric("REPORT_LATENCY")) {
                    once(&mut self.histogram, &key, path, errors);
                }
            }
            "gauge" => {
                if let Some(path) = errors.take(arg.metric("REPORTS_RUNNING")) {
                    once(&mut self.gauge, &key, path, errors);
                }
            }
            "on" => {
                if let Some(on) = errors.take(arg.expr("\"failure\"").and_then(on)) {
                    once(&mut self.on, &key, (key.clone(), on), errors);
                }
            }
            "by" => {
                if let Some(by) = errors.take(arg.expr("items.len() as u64")).map(args::alone) {
                    crate::families::refuse_leaving(&by, crate::families::AWAIT_IN_THE_BODY, errors);
                    if !is_amount(&by) {
                        errors.at(&by, "`by` takes a whole number that fits a `u64`");
                    }
                    once(&mut self.by, &key, (key.clone(), by), errors);
                }
            }
            "crate" => {
                if let Some(path) = errors.take(arg.expr("::monitor_runtime")) {
                    once(&mut self.krate, &key, path, errors);
                }
            }
            "labels" => match arg.value {
                Value::List(list) => {
                    for arg in list {
                        label(arg, &OPTIONS, &mut self.labels, errors);
                    }
                }
                _ => errors.at(&key, "`labels` takes a list, such as `labels(on = \"monday\")`"),
            },
            "outcome" => match arg.value {
                Value::None => push(LabelArg { name: key, source: Source::Outcome }, &mut self.labels, errors),
                _ => errors.at(
                    &key,
                    "`outcome` alone labels the call with its outcome; for another value write `labels(outcome = ..)`",
                ),
            },
            _ => label(arg, &OPTIONS, &mut self.labels, errors),
        }
    }
}

/// Whether a literal is an amount; of any other expression rustc judges the type.
fn is_amount(by: &Expr) -> bool {
    match by {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => {
            matches!(int.suffix(), "" | "u64") && int.base10_parse::<u64>().is_ok()
        }
        Expr::Lit(_) => false,
        Expr::Unary(unary) => !matches!(unary.op, syn::UnOp::Neg(_)) || !matches!(*unary.expr, Expr::Lit(_)),
        _ => true,
    }
}

/// Takes one label; every key that is none of the `options` is one.
pub(crate) fn label(arg: Arg, options: &[&str], labels: &mut Vec<LabelArg>, errors: &mut Errors) {
    let name = arg.key.unraw().to_string();
    match arg.value {
        Value::Expr(expr) => {
            let source = Source::of(expr, errors);
            push(LabelArg { name: arg.key, source }, labels, errors);
        }
        Value::None | Value::List(_) => {
            let hint = match args::nearest(&name, options) {
                Some(meant) => format!("did you mean `{meant}`? "),
                None => String::new(),
            };
            let options = args::listed(options);
            errors.at(
                &arg.key,
                format!("unknown option `{name}`; {hint}the options are {options}, and a label is `{name} = value`"),
            );
        }
    }
}

/// Adds a label that is not there yet.
pub(crate) fn push(label: LabelArg, labels: &mut Vec<LabelArg>, errors: &mut Errors) {
    if labels.iter().any(|known| known.name == label.name) {
        errors.at(&label.name, format!("`{}` is given twice; remove one", label.name.unraw()));
    } else {
        labels.push(label);
    }
}

fn on(expr: Expr) -> syn::Result<On> {
    let expr = args::ungrouped(expr);
    let word = match &expr {
        Expr::Lit(ExprLit { lit: Lit::Str(word), .. }) => word.value(),
        _ => String::new(),
    };
    match word.as_str() {
        "success" => Ok(On::Success),
        "failure" => Ok(On::Failure),
        "any" => Ok(On::Any),
        _ => Err(syn::Error::new_spanned(expr, "`on` takes \"success\", \"failure\" or \"any\"")),
    }
}
