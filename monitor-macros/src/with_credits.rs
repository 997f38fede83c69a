//! `#[with_credits(cost = ..)]`: credits are held before the body, and captured or given back after it.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, UnOp};

use crate::args::{self, Arg, Errors, located, once, ours, ungrouped};
use crate::families::refuse_leaving;
use crate::item::{self, Function, Item};
use crate::wrap::{self, Returns};
use crate::{clippy, exits};

const OPTIONS: [&str; 8] =
    ["cost", "account", "operation", "ledger", "idempotency_key", "when_down", "on_drop", "crate"];

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let named = match args::bare(&attribute) {
        Some((cost, rest)) if !is_misspelt(&cost) => {
            let text = cost.to_token_stream().to_string();
            errors.at(cost, format!("the cost has a name: write `cost = {text}`"));
            rest
        }
        _ => attribute.clone(),
    };
    let args = args::parse(named, &mut errors);
    let paid = accept(args, &attribute, &mut errors);
    let runtime = paid.as_ref().map_or_else(|| quote!(::monitor_runtime), |paid| paid.runtime.clone());
    let read = item::read("with_credits", item.clone(), &quote!(#[#runtime::with_credits(#attribute)]), &mut errors);
    if let Some(Item::Function(function)) = &read {
        check_return_type(function, &mut errors);
    }
    match (read, paid) {
        (Some(Item::Function(function)), _) if errors.is_empty() && exits::breaks_nothing(&function.body) => item,
        (Some(Item::Function(function)), Some(paid)) if errors.is_empty() => {
            clippy::beside(&function, paid.unpaid(&function), &paid.runtime, paid.around(&function))
        }
        (Some(Item::Impl(block)), Some(_)) if errors.is_empty() => block,
        _ => {
            let errors = errors.to_compile_error();
            quote!(#errors #item)
        }
    }
}

/// Whether a first argument without a name is an option, or nearly one, and not a cost.
fn is_misspelt(first: &Expr) -> bool {
    match first {
        Expr::Path(path) => {
            path.path.get_ident().is_some_and(|name| args::nearest(&name.unraw().to_string(), &OPTIONS).is_some())
        }
        _ => false,
    }
}

/// What the attribute asks for, accepted.
struct Paid {
    runtime: TokenStream,
    cost: Expr,
    account: Option<Expr>,
    operation: Option<Expr>,
    ledger: Option<Expr>,
    key: Option<Expr>,
    served_when_down: bool,
    paid_when_dropped: bool,
}

fn accept(args: Vec<Arg>, attribute: &TokenStream, errors: &mut Errors) -> Option<Paid> {
    let (mut cost, mut account, mut operation, mut ledger, mut key) = (None, None, None, None, None);
    let (mut when_down, mut on_drop, mut krate) = (None, None, None);
    // What is wrong with a cost is said of it; that there is none would be said in vain.
    let mut costs = !errors.is_empty();
    for arg in args {
        let name = arg.key.clone();
        let take = |slot: &mut Option<Expr>, example: &str, errors: &mut Errors| {
            if let Some(expr) = errors.take(arg.expr(example)) {
                once(slot, &name, ungrouped(expr), errors);
            }
        };
        match name.to_string().as_str() {
            "cost" => {
                costs = true;
                take(&mut cost, "5", errors);
            }
            "account" => take(&mut account, "&user.id", errors),
            "operation" => take(&mut operation, "\"report\"", errors),
            "ledger" => take(&mut ledger, "&state.credits", errors),
            "idempotency_key" => take(&mut key, "&order.id", errors),
            "when_down" => take(&mut when_down, "\"refuse\"", errors),
            "on_drop" => take(&mut on_drop, "\"void\"", errors),
            "crate" => take(&mut krate, "::monitor_runtime", errors),
            _ => unknown(&name, errors),
        }
    }
    for expr in [&account, &ledger, &key].into_iter().flatten() {
        refuse_leaving(expr, "take what was awaited as an argument", errors);
    }
    let served_when_down = when_down.is_some_and(|word| match text(&word).as_deref() {
        Some("refuse") => false,
        Some("serve") => true,
        _ => {
            errors.at(word, "`when_down` takes \"refuse\" or \"serve\": serving without the ledger is unpaid work");
            false
        }
    });
    let paid_when_dropped = on_drop.is_some_and(|word| match text(&word).as_deref() {
        Some("void") => false,
        Some("capture") => true,
        _ => {
            let message = "`on_drop` takes \"void\" or \"capture\": with \"capture\" a call is paid although its client \
                           left after its body began";
            errors.at(word, message);
            false
        }
    });
    if let Some(operation) = &operation {
        check_operation(operation, errors);
    }
    let cost = cost.map(args::alone);
    if let Some(cost) = &cost {
        check_cost(cost, errors);
    } else if !costs {
        let message = "`#[with_credits]` needs a cost: `cost = 5`, or an expression over the arguments";
        if attribute.is_empty() {
            errors.push(syn::Error::new(proc_macro2::Span::call_site(), message));
        } else {
            errors.at(attribute, message);
        }
    }
    let runtime = errors.take(args::runtime_path(krate));
    Some(Paid { runtime: runtime?, cost: cost?, account, operation, ledger, key, served_when_down, paid_when_dropped })
}

fn unknown(name: &Ident, errors: &mut Errors) {
    let written = name.unraw().to_string();
    let hint = match args::nearest(&written, &OPTIONS) {
        Some(meant) => format!("did you mean `{meant}`? "),
        None => String::new(),
    };
    errors.at(name, format!("unknown option `{written}`; {hint}the options are {}", args::listed(&OPTIONS)));
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// Says what is wrong with a literal; of any other expression rustc judges the type, and the run the value.
fn check_cost(cost: &Expr, errors: &mut Errors) {
    match cost {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => {
            if int.base10_parse::<i64>().is_err() && int.base10_parse::<u128>().is_ok() {
                errors.at(int, format!("a cost is at most {} credits", i64::MAX));
            } else if int.base10_parse::<i64>().is_err() {
                errors.at(int, "a cost is a whole number of credits, such as `5`");
            }
        }
        Expr::Lit(_) => errors.at(cost, "a cost is a whole number of credits, such as `5`"),
        Expr::Paren(paren) => check_cost(&paren.expr, errors),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) && matches!(*unary.expr, Expr::Lit(_)) => {
            errors.at(cost, "a cost is not negative: credits come in by a grant; write a cost of 0 or more");
        }
        Expr::Closure(closure) => errors.at(
            closure,
            "the cost is known before the body runs; hold the most that it may be, and let the body call \
             `credits::charge` with what it was",
        ),
        _ => refuse_leaving(
            cost,
            "hold the most that it may cost, and let the body call `credits::charge` with what it did",
            errors,
        ),
    }
}

fn check_operation(operation: &Expr, errors: &mut Errors) {
    let rule = "an operation is named by 1 to 255 bytes without control characters, such as \"report\"";
    match operation {
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => {
            let name = name.value();
            if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
                errors.at(operation, rule);
            }
        }
        // A constant of the program.
        Expr::Path(_) => {}
        other => errors.at(other, format!("{rule}, or by a constant; it is a label, so it has few values")),
    }
}

/// Says what no trait could: that there is no value to carry a refusal.
fn check_return_type(function: &Function, errors: &mut Errors) {
    let rule = "a paid function may be refused, and its return type says so: `Result<T, E>` with \
                `E: From<CreditsError>`, an actix-web `HttpResponse`, or a type that implements `credits::Refusal`";
    match function.output() {
        syn::ReturnType::Default => errors.at(&function.signature.ident, format!("{rule}; this returns nothing")),
        syn::ReturnType::Type(_, ty) if wrap::returns(function) == Returns::Never => errors.at(ty, rule),
        syn::ReturnType::Type(..) => {}
    }
}

impl Paid {
    fn around(&self, function: &Function) -> TokenStream {
        let runtime = &self.runtime;
        let (call, value, before) = (wrap::call(), ours("value"), self.before(function));
        let ty = wrap::declared(function).unwrap_or_else(|| syn::parse_quote!(()));
        if function.is_async() {
            let (future, refused) = (wrap::future(function, runtime), ours("refused"));
            let refuse = located(quote!(#runtime::private::paid::refuse::<#ty>), ty.span());
            let (judged, outcome) = (wrap::outcome(function, &quote!(&#value), runtime), ours("outcome"));
            let annotation = wrap::annotation(function);
            return function.with_body(quote! {
                #before
                let #call = match #call.hold().await {
                    ::core::result::Result::Ok(#call) => #call,
                    ::core::result::Result::Err(#refused) => return #refuse(#refused),
                };
                let #value #annotation = #call.around(#future).await;
                let #outcome = #judged;
                #call.settle(#outcome).await;
                #value
            });
        }
        let body = ours("body");
        let closure = wrap::closure(function, &body, runtime);
        // A future behind `impl Trait` is known by its trait alone, one in a box by its type.
        let kind = if wrap::future_trait(function).is_some() {
            quote!(#runtime::private::paid::AsFuture)
        } else if wrap::within(function).impl_trait {
            quote!(#runtime::private::paid::AsValue)
        } else {
            quote!({
                use #runtime::private::paid::kind::*;
                (&&&Kind(::core::marker::PhantomData::<#ty>)).kind()
            })
        };
        let judged = wrap::outcome(function, &quote!(#value), runtime);
        // A type that cannot carry a refusal is blamed where it is written.
        let run = located(quote!(run), ty.span());
        function.with_body(quote! {
            #before
            #closure
            let #value = #kind;
            #value.#run(#call, #body.0, |#value| #judged)
        })
    }

    /// What clippy is shown instead: should it ever run, no work is done unpaid.
    fn unpaid(&self, function: &Function) -> TokenStream {
        let (uses, runtime) = (clippy::using(&self.before(function)), &self.runtime);
        quote! {
            #uses
            #runtime::private::paid::never_unpaid();
        }
    }

    /// Binds the call, with all that is asked of the arguments.
    fn before(&self, function: &Function) -> TokenStream {
        let (call, runtime) = (wrap::call(), &self.runtime);
        let operation = match &self.operation {
            Some(operation) => operation.to_token_stream(),
            None => {
                let name = function.signature.ident.unraw().to_string();
                quote!(::core::concat!(::core::module_path!(), "::", #name))
            }
        };
        let cost = match &self.cost {
            // Without a suffix it would be an `i32` to the compiler.
            Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) if int.suffix().is_empty() => {
                let mut cost = Literal::i64_suffixed(int.base10_parse().unwrap_or_default());
                cost.set_span(int.span());
                cost.to_token_stream()
            }
            cost => cost.to_token_stream(),
        };
        let cost = located(quote!(#runtime::private::paid::cost(#cost)), self.cost.span());
        let text = self.cost.to_token_stream().to_string();
        let served = self.served_when_down.then(|| quote!(.served_when_down()));
        let paid = self.paid_when_dropped.then(|| quote!(.paid_when_dropped()));
        let option = |name: &str, expr: &Option<Expr>| {
            let (name, expr) = (Ident::new(name, proc_macro2::Span::mixed_site()), expr.as_ref()?);
            let reference = located(quote!(&), expr.span());
            let given = located(quote!(#runtime::private::paid::#name(#reference #expr)), expr.span());
            Some(quote!(.#name(#given)))
        };
        let (account, ledger, key) =
            (option("account", &self.account), option("ledger", &self.ledger), option("key", &self.key));
        quote! {
            let #call = {
                static __MONITOR_OPERATION: #runtime::private::paid::PaidOperation =
                    #runtime::private::paid::PaidOperation::new(#operation, #text, ::core::file!(), ::core::line!());
                #runtime::private::inventory::submit! {
                    #runtime::private::paid::Declared(&__MONITOR_OPERATION)
                }
                #runtime::private::paid::PaidCall::new(&__MONITOR_OPERATION, #cost) #account #ledger #key #served #paid
            };
        }
    }
}
