//! `#[track_latency(PATH, ..)]`: a histogram around a function.

use proc_macro2::TokenStream;
use quote::quote;

use crate::args::{self, Arg, Errors, once};
use crate::families::{Families, LabelArg, On, Source};
use crate::{instrument, wrap};

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let rule = "`#[track_latency]` starts with the path of a histogram: `#[track_latency(REPORT_LATENCY)]`";
    let (histogram, args) = args::parse_after_path(attribute.clone(), rule, &mut errors);
    let families = accept(histogram, args, &mut errors);
    let runtime = families.as_ref().map_or_else(|| quote!(::monitor_runtime), |families| families.runtime.clone());
    let attribute = quote!(#[#runtime::track_latency(#attribute)]);
    wrap::apply("track_latency", item, families, Families::around, &attribute, errors)
}

fn accept(histogram: Option<syn::Path>, args: Vec<Arg>, errors: &mut Errors) -> Option<Families> {
    let (labels, runtime) = labels(args, errors);
    Some(Families {
        runtime: runtime?,
        counter: None,
        histogram: Some(histogram?),
        gauge: None,
        on: On::Any,
        by: None,
        labels,
    })
}

/// The labels of an attribute that has no other option than `labels`, `outcome` and `crate`.
pub(crate) fn labels(args: Vec<Arg>, errors: &mut Errors) -> (Vec<LabelArg>, Option<TokenStream>) {
    const OPTIONS: [&str; 3] = ["labels", "outcome", "crate"];
    let (mut labels, mut krate) = (Vec::new(), None);
    for arg in args {
        let key = arg.key.clone();
        match (key.to_string().as_str(), arg.value) {
            ("crate", value) => {
                if let Some(path) = errors.take(Arg { key: key.clone(), value }.expr("::monitor_runtime")) {
                    once(&mut krate, &key, path, errors);
                }
            }
            ("labels", args::Value::List(list)) => {
                for arg in list {
                    instrument::label(arg, &OPTIONS, &mut labels, errors);
                }
            }
            ("outcome", args::Value::None) => {
                instrument::push(LabelArg { name: key, source: Source::Outcome }, &mut labels, errors);
            }
            ("counter" | "histogram" | "gauge" | "on" | "by", _) => errors.at(
                &key,
                format!(
                    "`{key}` is an option of `#[instrument]`; a label of that name is written `labels({key} = ..)`"
                ),
            ),
            (_, value) => instrument::label(Arg { key, value }, &OPTIONS, &mut labels, errors),
        }
    }
    (labels, errors.take(args::runtime_path(krate)))
}
