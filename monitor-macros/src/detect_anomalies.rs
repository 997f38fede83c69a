//! `#[detect_anomalies("name", ..)]`: a function whose calls are judged by the detector of a name.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::args::{self, Arg, Errors, located, once};
use crate::families::is_literal;
use crate::item::Function;
use crate::wrap::{self, Around, Settle};

const OPTIONS: [&str; 3] = ["latency_threshold", "error_threshold", "crate"];

/// The longest threshold, in seconds: a day. The runtime holds to the same.
const LATENCY_MAX_S: f64 = 86_400.0;

/// The longest name, in bytes. The runtime holds to the same.
const NAME_MAX_BYTES: usize = 128;

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let rule = "`#[detect_anomalies]` starts with the name that its calls are judged under: \
                `#[detect_anomalies(\"credit_charging\")]`";
    let (name, args) = args::parse_after_name(attribute.clone(), rule, &mut errors);
    let watch = accept(name, args, &mut errors);
    let runtime = watch.as_ref().map_or_else(|| quote!(::monitor_runtime), |watch| watch.runtime.clone());
    let attribute = quote!(#[#runtime::detect_anomalies(#attribute)]);
    wrap::apply("detect_anomalies", item, watch, Watch::around, &attribute, errors)
}

/// What an attribute asks for, accepted.
struct Watch {
    runtime: TokenStream,
    name: LitStr,
    latency_threshold: Option<Threshold>,
    error_threshold: Option<Threshold>,
}

/// A threshold. The macro checks the value of a literal; the compiler checks a constant when it evaluates it.
enum Threshold {
    /// In seconds, or a share of the calls.
    Literal(f64),
    Constant(Expr),
}

fn accept(name: Option<LitStr>, args: Vec<Arg>, errors: &mut Errors) -> Option<Watch> {
    let (mut latency, mut error, mut krate) = (None, None, None);
    for arg in args {
        let key = arg.key.clone();
        match key.to_string().as_str() {
            "latency_threshold" => {
                if let Some(seconds) = errors.take(arg.expr("0.5").and_then(seconds)) {
                    once(&mut latency, &key, seconds, errors);
                }
            }
            "error_threshold" => {
                if let Some(share) = errors.take(arg.expr("0.01").and_then(share)) {
                    once(&mut error, &key, share, errors);
                }
            }
            "crate" => {
                if let Some(path) = errors.take(arg.expr("::monitor_runtime")) {
                    once(&mut krate, &key, path, errors);
                }
            }
            _ => {
                let written = key.unraw().to_string();
                let hint = match args::nearest(&written, &OPTIONS) {
                    Some(meant) => format!("did you mean `{meant}`? "),
                    None => String::new(),
                };
                let options = args::listed(&OPTIONS);
                errors.at(&key, format!("unknown option `{written}`; {hint}the options are {options}"));
            }
        }
    }
    if let Some(name) = &name
        && let Some(wrong) = wrong_with(&name.value())
    {
        errors.at(name, format!("a name {wrong}, such as \"credit_charging\""));
    }
    let runtime = errors.take(args::runtime_path(krate));
    Some(Watch { runtime: runtime?, name: name?, latency_threshold: latency, error_threshold: error })
}

/// What a name breaks of the rules for names.
fn wrong_with(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > NAME_MAX_BYTES {
        Some("has 1 to 128 bytes")
    } else if name.starts_with('_') {
        Some("begins with no `_`, which is kept for `_overflow` and its kin")
    } else if name.chars().any(char::is_control) {
        Some("has no control characters in it")
    } else {
        None
    }
}

/// A latency in seconds, or as a text with a unit.
fn seconds(expr: Expr) -> syn::Result<Threshold> {
    const RULE: &str =
        "`latency_threshold` takes seconds or a duration, more than 0 and at most a day: `0.5` or \"500ms\"";
    let expr = args::alone(expr);
    if !is_literal(&expr) {
        return Ok(Threshold::Constant(expr));
    }
    let seconds = match &expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => duration(&text.value()),
        expr => number(expr),
    };
    let legal = |seconds: &f64| *seconds > 0.0 && *seconds <= LATENCY_MAX_S;
    seconds.filter(legal).map(Threshold::Literal).ok_or_else(|| syn::Error::new_spanned(expr, RULE))
}

/// A share of calls.
fn share(expr: Expr) -> syn::Result<Threshold> {
    const RULE: &str = "`error_threshold` takes the share of calls that may fail, more than 0 and at most 1: `0.01`";
    let expr = args::alone(expr);
    if !is_literal(&expr) {
        return Ok(Threshold::Constant(expr));
    }
    let legal = |share: &f64| *share > 0.0 && *share <= 1.0;
    number(&expr).filter(legal).map(Threshold::Literal).ok_or_else(|| syn::Error::new_spanned(expr, RULE))
}

/// A literal number without a suffix, or with that of an `f64`.
fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) if matches!(float.suffix(), "" | "f64") => {
            float.base10_parse().ok()
        }
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) if matches!(int.suffix(), "" | "f64") => {
            int.base10_digits().parse().ok()
        }
        Expr::Paren(paren) => number(&paren.expr),
        _ => None,
    }
}

/// `500ms`, `1.5 s`, `2m`: seconds.
fn duration(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.find(|char: char| !char.is_ascii_digit() && char != '.')?;
    let (digits, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * unit)
}

impl Watch {
    /// A guard, made when the body begins and told how it ended.
    fn around(self, function: &Function) -> Around {
        let Watch { runtime, name, latency_threshold, error_threshold } = self;
        let call = wrap::call();
        let option = |threshold: Option<Threshold>, kind: TokenStream| match threshold {
            None => quote!(::core::option::Option::None),
            Some(Threshold::Literal(number)) => {
                let number = number.to_token_stream();
                quote!(::core::option::Option::Some(#number))
            }
            // A value of another type, and one out of its range, is wrong where it is written.
            Some(Threshold::Constant(expr)) => {
                let checked = located(quote!(#runtime::private::threshold::#kind(#expr).checked()), expr.span());
                quote!(::core::option::Option::Some(#checked))
            }
        };
        let (latency, error) = (option(latency_threshold, quote!(Latency)), option(error_threshold, quote!(Share)));
        let function = function.signature.ident.unraw().to_string();
        let before = quote! {
            static __MONITOR_SITE: #runtime::private::WatchSite = #runtime::private::WatchSite::new(
                #name,
                #function,
                #runtime::private::Place { file: ::core::file!(), line: ::core::line!() },
                #latency,
                #error,
            );
            #runtime::private::inventory::submit! {
                #runtime::private::WatchedSite(&__MONITOR_SITE)
            }
        };
        Around {
            before,
            begin: Some(quote!(#runtime::private::Call::start(&__MONITOR_SITE, 1))),
            settle: Some(Settle::By("finished", quote!(#call))),
            until_return: Some(quote!(let #call = #call.until_return();)),
            pauses: true,
            runtime,
        }
    }
}
