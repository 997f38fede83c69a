//! `timer!(PATH, ..)`: a guard that times a scope.

use proc_macro2::TokenStream;
use quote::quote;

use crate::args::{self, Errors};
use crate::families::{Source, site, with};
use crate::track_latency;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let rule = "`timer!` starts with the path of a histogram: `timer!(REPORT_LATENCY)`";
    let (histogram, args) = args::parse_after_path(input, rule, &mut errors);
    let (labels, runtime) = track_latency::labels(args, &mut errors);
    for label in labels.iter().filter(|label| matches!(label.source, Source::Result(_) | Source::Outcome)) {
        errors.at(&label.name, "a scope has no result; give the label a value");
    }
    let (Some(histogram), Some(runtime), true) = (histogram, runtime, errors.is_empty()) else {
        // A macro that stands for an expression may give only one: a block of errors.
        let errors = errors.to_compile_error();
        return quote!({ #errors });
    };
    let literal = labels.iter().all(|label| matches!(label.source, Source::Literal(_)));
    let values = labels.iter().map(|label| {
        let name = &label.name;
        match &label.source {
            Source::Literal(expr) | Source::Before(expr) => quote!(#name: #expr,),
            Source::Result(_) | Source::Outcome => quote!(),
        }
    });
    let labels = values.collect();
    if literal {
        let site = site(&runtime, "histogram", &histogram, labels);
        quote!({
            static __MONITOR_SITE: #runtime::private::Site = #site;
            __MONITOR_SITE.histogram_series().start_timer()
        })
    } else {
        let series = with(&runtime, "Histogram", &histogram, labels);
        quote!(#series.start_timer())
    }
}
