//! The attributes of `monitor-runtime`: tokens in, tokens out. Their manuals stand at their re-exports in that crate.

mod args;
mod arguments;
mod clippy;
mod detect_anomalies;
mod exits;
#[cfg(test)]
mod expansions;
mod families;
mod instrument;
mod item;
mod label_value;
mod metrics;
#[cfg(test)]
mod readable;
mod timer;
mod track_latency;
mod with_credits;
mod wrap;

use proc_macro::TokenStream;

/// Declares metric families; see `monitor_runtime::metrics!`.
#[proc_macro]
pub fn metrics(input: TokenStream) -> TokenStream {
    metrics::expand(input.into()).into()
}

/// Counts, times or gauges the calls of a function; see `monitor_runtime::instrument`.
#[proc_macro_attribute]
pub fn instrument(args: TokenStream, item: TokenStream) -> TokenStream {
    instrument::expand(args.into(), item.into()).into()
}

/// Times the calls of a function; see `monitor_runtime::track_latency`.
#[proc_macro_attribute]
pub fn track_latency(args: TokenStream, item: TokenStream) -> TokenStream {
    track_latency::expand(args.into(), item.into()).into()
}

/// Watches a function for anomalies; see `monitor_runtime::detect_anomalies`.
#[proc_macro_attribute]
pub fn detect_anomalies(args: TokenStream, item: TokenStream) -> TokenStream {
    detect_anomalies::expand(args.into(), item.into()).into()
}

/// Times a scope; see `monitor_runtime::timer!`.
#[proc_macro]
pub fn timer(input: TokenStream) -> TokenStream {
    timer::expand(input.into()).into()
}

/// Makes a function a paid one; see `monitor_runtime::with_credits`.
#[proc_macro_attribute]
pub fn with_credits(args: TokenStream, item: TokenStream) -> TokenStream {
    with_credits::expand(args.into(), item.into()).into()
}

/// Makes an enum a label value; see `monitor_runtime::LabelValue`.
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn label_value(item: TokenStream) -> TokenStream {
    label_value::expand(item.into()).into()
}
