//! The metrics that an attribute names, their labels, and what is done with them around a call.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprClosure, Path};

use crate::args::{Errors, located, ours, ungrouped};
use crate::item::Function;
use crate::wrap::{self, Around, Returns, Settle};

/// What an attribute asks for, accepted.
pub(crate) struct Families {
    pub(crate) runtime: TokenStream,
    pub(crate) counter: Option<Path>,
    pub(crate) histogram: Option<Path>,
    pub(crate) gauge: Option<Path>,
    pub(crate) on: On,
    pub(crate) by: Option<Expr>,
    pub(crate) labels: Vec<LabelArg>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Success,
    Failure,
    Any,
}

pub(crate) struct LabelArg {
    pub(crate) name: Ident,
    pub(crate) source: Source,
}

/// Where a label's value comes from.
pub(crate) enum Source {
    /// A literal: its series is found once.
    Literal(Expr),
    /// An expression over the arguments, evaluated before the body.
    Before(Expr),
    /// A closure over the result.
    Result(ExprClosure),
    /// The outcome of the call.
    Outcome,
}

impl Source {
    /// Which of the four an expression is.
    pub(crate) fn of(expr: Expr, errors: &mut Errors) -> Self {
        match ungrouped(expr) {
            Expr::Closure(closure) => {
                if closure.inputs.len() != 1 {
                    let rule = "a label's closure takes the result: `|result| ..`";
                    if closure.inputs.is_empty() {
                        errors.at(&closure, rule);
                    } else {
                        errors.at(&closure.inputs, rule);
                    }
                }
                if let Some(token) = &closure.asyncness {
                    errors.at(token, "a label's closure cannot be `async`; remove `async`");
                }
                Source::Result(closure)
            }
            expr if is_literal(&expr) => Source::Literal(expr),
            expr => {
                refuse_leaving(&expr, AWAIT_IN_THE_BODY, errors);
                Source::Before(expr)
            }
        }
    }
}

/// Whether an expression is a literal, or a negative one.
pub(crate) fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Unary(unary) => matches!(unary.op, syn::UnOp::Neg(_)) && is_literal(&unary.expr),
        Expr::Paren(paren) => is_literal(&paren.expr),
        _ => false,
    }
}

/// What to do instead of awaiting in a label.
pub(crate) const AWAIT_IN_THE_BODY: &str = "await in the body and label the result with a closure";

/// An expression that is evaluated outside the body can neither wait nor end the call; `instead` of an `.await`, the
/// message says what to do.
pub(crate) fn refuse_leaving(expr: &Expr, instead: &str, errors: &mut Errors) {
    struct Find<'a>(&'a mut Errors, &'a str);
    impl syn::visit_mut::VisitMut for Find<'_> {
        fn visit_expr_await_mut(&mut self, expr: &mut syn::ExprAwait) {
            self.0.at(expr.await_token, format!("cannot `.await` here; {}", self.1));
            syn::visit_mut::visit_expr_await_mut(self, expr);
        }
        fn visit_expr_try_mut(&mut self, expr: &mut syn::ExprTry) {
            self.0
                .at(expr.question_token, "cannot use `?` here: only the body ends the call; give a value in any case");
            syn::visit_mut::visit_expr_try_mut(self, expr);
        }
        fn visit_expr_return_mut(&mut self, expr: &mut syn::ExprReturn) {
            self.0.at(expr.return_token, "cannot `return` here: only the body ends the call; give a value in any case");
            syn::visit_mut::visit_expr_return_mut(self, expr);
        }
        fn visit_expr_async_mut(&mut self, _: &mut syn::ExprAsync) {}
        fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}
    }
    syn::visit_mut::VisitMut::visit_expr_mut(&mut Find(errors, instead), &mut expr.clone());
}

/// The label set of the metric at `path`, in the user's own tokens, so that rustc lists the labels that there are.
pub(crate) fn label_set(path: &Path, labels: TokenStream) -> TokenStream {
    let mut braces = Group::new(Delimiter::Brace, labels);
    braces.set_span(place(path));
    quote!(#path #braces)
}

/// The series of a family with these labels; a metric of another kind is blamed on its path.
pub(crate) fn with(runtime: &TokenStream, kind: &str, path: &Path, labels: TokenStream) -> TokenStream {
    let (kind, labels) = (format_ident!("{kind}"), label_set(path, labels));
    let reference = located(quote!(&), place(path));
    located(quote!(#runtime::private::#kind::with(#reference #path, #labels)), place(path))
}

/// The place of a call site that keeps its series; `kind` is `counter`, `histogram` or `gauge`.
pub(crate) fn site(runtime: &TokenStream, kind: &str, path: &Path, labels: TokenStream) -> TokenStream {
    let (kind, labels) = (format_ident!("{kind}"), label_set(path, labels));
    let reference = located(quote!(&), place(path));
    located(quote!(#runtime::private::Site::#kind(#reference #path, &#labels)), place(path))
}

/// Where a path ends: the metric's own name.
fn place(path: &Path) -> Span {
    path.segments.last().map_or_else(Span::call_site, |last| last.ident.span())
}

impl Families {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.counter, &self.histogram, &self.gauge].into_iter().flatten()
    }

    fn waits_for_result(&self) -> bool {
        self.labels.iter().any(|label| matches!(label.source, Source::Result(_) | Source::Outcome))
    }

    fn all_literal(&self) -> bool {
        self.labels.iter().all(|label| matches!(label.source, Source::Literal(_)))
    }

    fn on_name(&self) -> Ident {
        let name = match self.on {
            On::Success => "Success",
            On::Failure => "Failure",
            On::Any => "Any",
        };
        format_ident!("{name}")
    }

    fn on(&self) -> TokenStream {
        let (runtime, on) = (&self.runtime, self.on_name());
        quote!(#runtime::private::On::#on)
    }

    fn by(&self) -> TokenStream {
        let runtime = &self.runtime;
        match &self.by {
            None => quote!(1),
            Some(literal) if is_literal(literal) => literal.to_token_stream(),
            Some(expr) => quote!(#runtime::private::amount(|| #expr)),
        }
    }

    /// What to do around the body of `function`.
    pub(crate) fn around(self, function: &Function) -> Around {
        if self.waits_for_result() {
            return self.labelled_by_result();
        }
        let counter_alone = self.counter.is_some() && self.histogram.is_none() && self.gauge.is_none();
        if !counter_alone || wrap::may_return_future(function) {
            return self.watched();
        }
        match self.on {
            On::Success if wrap::returns(function) != Returns::Never => self.counted_success(),
            On::Any => self.counted_at_end(),
            _ => self.watched(),
        }
    }

    /// What a counter alone writes to: statements before it, and an expression for it.
    fn counter(&self) -> (TokenStream, TokenStream) {
        let (runtime, labels) = (&self.runtime, self.values(false));
        if self.all_literal() {
            let site = self.counter.as_ref().map(|path| site(runtime, "counter", path, labels));
            (quote!(static __MONITOR_SITE: #runtime::private::Site = #site;), quote!(&__MONITOR_SITE))
        } else {
            let (series, found) =
                (self.counter.as_ref().map(|path| with(runtime, "Counter", path, labels)), ours("series"));
            (quote!(let #found = #runtime::private::label(|| #series);), quote!(#found))
        }
    }

    /// A counter of every call asks neither how it ended nor what time it is.
    fn counted_at_end(self) -> Around {
        let (by, (before, counter), runtime) = (self.by(), self.counter(), self.runtime);
        Around {
            before,
            begin: Some(quote!(#runtime::private::AtEnd::new(#counter, #by))),
            settle: None,
            until_return: None,
            pauses: false,
            runtime,
        }
    }

    /// A counter of successes needs no guard: what did not succeed is not counted.
    fn counted_success(self) -> Around {
        let (call, by, (before, counter)) = (wrap::call(), self.by(), self.counter());
        let (bind_amount, amount) = match &self.by {
            None => (None, by),
            Some(_) => {
                let amount = ours("by");
                (Some(quote!(let #amount: ::core::primitive::u64 = #by;)), quote!(#amount))
            }
        };
        let runtime = self.runtime;
        let until_return = quote!(let #call = #runtime::private::UntilReturn::new(#counter, #amount););
        Around {
            before: quote!(#before #bind_amount),
            begin: None,
            settle: Some(Settle::By("succeeded", quote!(#counter, #amount))),
            until_return: Some(until_return),
            pauses: false,
            runtime,
        }
    }

    /// A guard, made when the body begins.
    fn watched(self) -> Around {
        let (call, by, runtime) = (wrap::call(), self.by(), self.runtime.clone());
        let on = self.on_name();
        let (before, begin) = if self.all_literal() {
            let site = |family: &Option<Path>, kind: &str| match family {
                None => (quote!(()), quote!(())),
                Some(path) => (quote!(#runtime::private::Site), site(&runtime, kind, path, self.values(false))),
            };
            let (counter_type, counter) = site(&self.counter, "counter");
            let (histogram_type, histogram) = site(&self.histogram, "histogram");
            let (gauge_type, gauge) = site(&self.gauge, "gauge");
            let site = quote! {
                static __MONITOR_SITE: #runtime::private::CallSite<
                    #runtime::private::on::#on, #counter_type, #histogram_type, #gauge_type
                > = #runtime::private::CallSite::new(#counter, #histogram, #gauge);
            };
            (site, quote!(#runtime::private::Call::start(&__MONITOR_SITE, #by)))
        } else {
            // With several metrics an expression is evaluated once, and each metric gets a clone.
            let shared = self.paths().count() > 1;
            let (names, exprs) = self.asked_before();
            let series = |family: &Option<Path>, kind: &str| match family {
                None => quote!(::core::option::Option::None),
                Some(path) => {
                    let labels = self.values(shared);
                    let series = with(&runtime, kind, path, labels);
                    quote!(::core::option::Option::Some(#series))
                }
            };
            let (counter, histogram, gauge) =
                (series(&self.counter, "Counter"), series(&self.histogram, "Histogram"), series(&self.gauge, "Gauge"));
            let mut series = quote! {
                #runtime::private::CallSeries {
                    counter: #counter, on: #runtime::private::On::#on, histogram: #histogram, gauge: #gauge }
            };
            if shared && !names.is_empty() {
                // Not by `let`: what an expression borrows from has to live until the series are found.
                series = quote!(match (#(#exprs,)*) { (#(#names,)*) => #series });
            }
            let before = quote!(let #call = #runtime::private::label(|| #series););
            let series = quote!(#call.unwrap_or(#runtime::private::CallSeries::NOTHING));
            (before, quote!(#runtime::private::Call::start(#series, #by)))
        };
        let learns = self.counter.is_some() && self.on != On::Any;
        Around {
            before,
            begin: Some(begin),
            settle: learns.then(|| Settle::By("finished", quote!(#call))),
            until_return: learns.then(|| quote!(let #call = #call.until_return();)),
            pauses: true,
            runtime,
        }
    }

    /// A guard whose series are found when the result is there, or is known not to come.
    fn labelled_by_result(self) -> Around {
        let (call, by, on, runtime) = (wrap::call(), self.by(), self.on(), self.runtime.clone());
        let (ended, value) = (ours("ended"), ours("result"));
        let named = self.labels.iter().any(|label| matches!(label.source, Source::Outcome));
        let outcome = if named { ours("outcome").to_token_stream() } else { quote!(_) };
        let (names, exprs) = self.asked_before();
        let texts: TokenStream = self
            .labels
            .iter()
            .enumerate()
            .map(|(number, label)| {
                let name = label.name.unraw().to_string();
                let text = match &label.source {
                    Source::Literal(expr) => text_of(&runtime, &quote!(#expr)),
                    Source::Before(expr) => text_of(&runtime, &bound_name(number, expr).to_token_stream()),
                    Source::Result(_) => quote!(#runtime::private::no_result(#ended.outcome)),
                    Source::Outcome => quote!(#outcome.as_str()),
                };
                quote!((#name, #text),)
            })
            .collect();
        let count = |series: TokenStream| quote!(#ended.count(#on, |#outcome| #series););
        let observe = |series: TokenStream| quote!(#ended.observe(|#outcome| #series););
        let by_name = |family: &Option<Path>, function: &str| {
            let (path, function) = (family.as_ref()?, format_ident!("{function}"));
            let reference = located(quote!(&), place(path));
            Some(located(quote!(#runtime::private::#function(#reference #path, &[#texts])), place(path)))
        };
        let without = [
            by_name(&self.counter, "counter_by_name").map(count),
            by_name(&self.histogram, "histogram_by_name").map(observe),
        ];
        let begin = quote! {
            #runtime::private::ResultCall::start(
                #runtime::private::label(|| (#(#exprs,)*)),
                #by,
                |(#(#names,)*), #ended| { #(#without)* },
            )
        };
        let (bound, applied): (Vec<_>, Vec<_>) = self
            .labels
            .iter()
            .enumerate()
            .filter_map(|(number, label)| match &label.source {
                Source::Result(closure) => Some((bound_name(number, &closure.body), apply(&runtime, closure))),
                _ => None,
            })
            .unzip();
        let series = |kind, path| with(&runtime, kind, path, self.values(true));
        let counted = self.counter.as_ref().map(|path| count(series("Counter", path)));
        let observed = self.histogram.as_ref().map(|path| observe(series("Histogram", path)));
        let mut with = quote!(#counted #observed);
        if !bound.is_empty() {
            with = quote! {
                if let ::core::option::Option::Some((#(#bound,)*)) = #runtime::private::label(|| (#(#applied,)*)) {
                    #with
                }
            };
        }
        let place = self.labels.iter().find_map(|label| match &label.source {
            Source::Result(closure) => Some(closure.body.span()),
            _ => None,
        });
        let place = place.unwrap_or_else(Span::call_site);
        let write = move |result: TokenStream, outcome: TokenStream| {
            quote! {
                {
                    let #value = #result;
                    #call.finish(#outcome, |(#(#names,)*), #ended| { #with })
                }
            }
        };
        Around {
            before: TokenStream::new(),
            begin: Some(begin),
            settle: Some(Settle::Written { write: Box::new(write), place }),
            until_return: None,
            pauses: true,
            runtime,
        }
    }

    /// The expressions that are evaluated before the body, and names of ours for them.
    fn asked_before(&self) -> (Vec<Ident>, Vec<&Expr>) {
        let labels = self.labels.iter().enumerate();
        labels
            .filter_map(|(number, label)| match &label.source {
                Source::Before(expr) => Some((bound_name(number, expr), expr)),
                _ => None,
            })
            .unzip()
    }

    /// The fields of a label set: expressions as the user wrote them, or what was `bound` to names of ours.
    fn values(&self, bound: bool) -> TokenStream {
        self.labels
            .iter()
            .enumerate()
            .map(|(number, label)| {
                let name = &label.name;
                let value = match &label.source {
                    Source::Literal(expr) => expr.to_token_stream(),
                    Source::Before(expr) if bound => self.kept(number, expr),
                    Source::Before(expr) => expr.to_token_stream(),
                    Source::Result(closure) => self.kept(number, &closure.body),
                    Source::Outcome => ours("outcome").to_token_stream(),
                };
                // `method: method` would be the user's to clippy, and is not.
                let is_name = matches!(&label.source, Source::Before(Expr::Path(path)) if path.path.is_ident(name));
                if is_name && !bound { quote!(#name: { #value },) } else { quote!(#name: #value,) }
            })
            .collect()
    }

    /// A clone of a value that was bound to a name; of a `String`, its text.
    fn kept(&self, number: usize, expr: &Expr) -> TokenStream {
        let (runtime, name) = (&self.runtime, bound_name(number, expr));
        let given = located(quote!((&Kept(&#name)).give()), expr.span());
        quote!({
            use #runtime::private::keep::*;
            #given
        })
    }
}

/// A closure applied to the result; a label of another type is blamed on what the closure gives.
fn apply(runtime: &TokenStream, closure: &ExprClosure) -> TokenStream {
    let value = ours("result");
    located(quote!(#runtime::private::apply(#value, #closure)), closure.body.span())
}

/// A name of ours at the user's expression, so that a type error points there.
fn bound_name(number: usize, at: &impl Spanned) -> Ident {
    let mut name = ours(&format!("label{number}"));
    name.set_span(name.span().located_at(at.span()));
    name
}

fn text_of(runtime: &TokenStream, value: &TokenStream) -> TokenStream {
    quote!(#runtime::private::LabelValue::text(&#value, &mut #runtime::private::LabelBuffer::new()))
}
