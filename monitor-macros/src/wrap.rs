//! Code before and after a body, sync or async, so that rustc says of the body what it would say without us.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{ReturnType, Type, parse_quote};

use crate::args::{Errors, located, ours};
use crate::item::{self, Function, Item};

/// What is done around a body. `call` is bound by `before`.
pub(crate) struct Around {
    /// Statements before the body; they bind the name that [`call`] gives.
    pub(crate) before: TokenStream,
    /// Ends the call, given expressions for it, for a reference to the value and for its outcome; `None` when there is
    /// nothing to learn from the value and dropping the call ends it.
    pub(crate) settle: Option<Settle>,
    /// Statements after `before` that make the call end by itself, as a success, when the body returns; `None` when it
    /// needs the value for more than its outcome.
    pub(crate) until_return: Option<TokenStream>,
    /// Whether the call may be handed to a future that the function returns.
    pub(crate) pauses: bool,
    /// The path of the runtime.
    pub(crate) runtime: TokenStream,
}

/// Writes the end of a call.
pub(crate) type Settle = Box<dyn Fn(&Ident, TokenStream, TokenStream) -> TokenStream>;

/// The name under which `before` binds the call.
pub(crate) fn call() -> Ident {
    ours("call")
}

/// What the declared return type tells without knowing any type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// Never.
    Never,
    /// A value that is a success whatever it is, such as `()`.
    Plain,
    /// A `Result` or an `Option`, which is no future.
    Value,
    /// Anything, perhaps a future.
    Unknown,
}

pub(crate) fn returns(function: &Function) -> Returns {
    let ReturnType::Type(_, ty) = function.output() else { return Returns::Plain };
    let mut ty = &**ty;
    while let Type::Paren(syn::TypeParen { elem, .. }) | Type::Group(syn::TypeGroup { elem, .. }) = ty {
        ty = elem;
    }
    if is_no_future(ty) {
        return Returns::Plain;
    }
    match ty {
        Type::Never(_) => Returns::Never,
        Type::Tuple(_) | Type::Reference(_) | Type::Array(_) | Type::Slice(_) | Type::Ptr(_) => Returns::Plain,
        Type::Path(path) if path.qself.is_none() => match path.path.segments.last() {
            Some(last) if last.ident == "Result" || last.ident == "Option" => Returns::Value,
            Some(last) if path.path.segments.len() == 1 && last.arguments.is_none() && is_primitive(&last.ident) => {
                Returns::Plain
            }
            _ => Returns::Unknown,
        },
        _ => Returns::Unknown,
    }
}

fn is_primitive(name: &Ident) -> bool {
    const PRIMITIVES: [&str; 18] = [
        "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        "f32", "f64", "String",
    ];
    PRIMITIVES.iter().any(|primitive| name == primitive)
}

/// Whether a call may end later than the function, with a future that it returns.
pub(crate) fn may_return_future(function: &Function) -> bool {
    !function.is_async() && returns(function) == Returns::Unknown
}

/// Whether a type is `impl Trait` of a trait that tells no outcome and that no caller could await.
fn is_no_future(ty: &Type) -> bool {
    const TRAITS: [&str; 7] =
        ["Iterator", "DoubleEndedIterator", "ExactSizeIterator", "IntoIterator", "Display", "Debug", "Error"];
    let Type::ImplTrait(hidden) = ty else { return false };
    let mut names = hidden.bounds.iter().filter_map(|bound| match bound {
        syn::TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    });
    // `Fn(A) -> B` and its kin are the only traits that are written with parentheses.
    names.any(|last| {
        matches!(last.arguments, syn::PathArguments::Parenthesized(_)) || TRAITS.iter().any(|name| last.ident == name)
    })
}

/// Whether the declared type is `impl Trait`.
fn is_hidden(function: &Function) -> bool {
    matches!(function.output(), ReturnType::Type(_, ty) if matches!(**ty, Type::ImplTrait(_)))
}

/// Puts what was accepted around the function, or says all that is wrong and gives the item back; `attribute` is what
/// the functions of an `impl` block get.
pub(crate) fn apply<A>(
    name: &str,
    item: TokenStream,
    accepted: Option<A>,
    around: impl FnOnce(A, &Function) -> Around,
    attribute: &TokenStream,
    mut errors: Errors,
) -> TokenStream {
    let read = item::read(name, item.clone(), attribute, &mut errors);
    match (read, accepted) {
        (Some(Item::Function(function)), Some(accepted)) if errors.is_empty() => {
            wrap(&function, around(accepted, &function))
        }
        (Some(Item::Impl(block)), _) if errors.is_empty() => block,
        _ => {
            let errors = errors.to_compile_error();
            quote!(#errors #item)
        }
    }
}

/// The function with `around` around its body.
fn wrap(function: &Function, around: Around) -> TokenStream {
    let Around { before, settle, until_return, pauses, runtime } = around;
    let body = &function.body;
    let returns = returns(function);
    let later = pauses && may_return_future(function);
    if let (Some(until_return), Returns::Plain, false) = (&until_return, returns, function.is_async()) {
        // Without a closure around it the body is the function's own in every respect.
        return function.with_body(quote!(#before #until_return #body));
    }
    let Some(settle) = settle.filter(|_| returns != Returns::Never) else {
        if !later {
            // A guard alone keeps `#[track_caller]` and the order of drops.
            return function.with_body(quote!(#before #body));
        }
        return function.with_body(sync(
            function,
            &before,
            &runtime,
            true,
            &|call, _, _| quote!(#runtime::private::done(#call)),
        ));
    };
    function.with_body(if function.is_async() {
        asynchronous(function, &before, &runtime, &*settle)
    } else {
        sync(function, &before, &runtime, later, &*settle)
    })
}

type Settled<'a> = &'a dyn Fn(&Ident, TokenStream, TokenStream) -> TokenStream;

fn sync(
    function: &Function,
    before: &TokenStream,
    runtime: &TokenStream,
    later: bool,
    settle: Settled<'_>,
) -> TokenStream {
    let (call, value, once) = (call(), ours("value"), ours("body"));
    let bound = closure(function, &once, runtime);
    let run = quote! {
        #bound
        let #value = #once();
    };
    if later {
        let kind = ours("kind");
        // Behind `impl Trait` a future may be exchanged for another; a type with a name has to stay what it is.
        let form = format_ident!("{}", if is_hidden(function) { "hidden" } else { "named" });
        let settled = settle(&call, quote!(#value), outcome(function, &quote!(#value), runtime));
        quote! {
            #before
            #run
            let #kind = {
                use #runtime::private::returned::#form::*;
                (&&&&Returned(&#value)).kind()
            };
            #kind.finish(#value, #call, |#call, #value| #settled)
        }
    } else {
        let settled = settle(&call, quote!(&#value), outcome(function, &quote!(&#value), runtime));
        quote! {
            #before
            #run
            #settled;
            #value
        }
    }
}

fn asynchronous(function: &Function, before: &TokenStream, runtime: &TokenStream, settle: Settled<'_>) -> TokenStream {
    let (call, value) = (call(), ours("value"));
    let settled = settle(&call, quote!(&#value), outcome(function, &quote!(&#value), runtime));
    let future = future(function, runtime);
    quote! {
        #before
        let #value = #future.await;
        #settled;
        #value
    }
}

/// The body of a sync function as a closure, bound to `name`.
pub(crate) fn closure(function: &Function, name: &Ident, runtime: &TokenStream) -> TokenStream {
    let body = &function.body;
    // What is wrong with the closure as a whole, such as a capture of a moved argument, is wrong where the body begins.
    let opened = located(quote!(move ||), body.span_open());
    // No `-> ()` where nothing was written: the type argument says it, and clippy has nothing to say of it.
    let (output, returned) = match declared(function) {
        Some(ty) => (quote!(-> #ty), quote!(_)),
        None => (quote!(), quote!(())),
    };
    quote! {
        let #runtime::private::Once(#name, _) =
            #runtime::private::Once::<#returned, _>(#opened #output #body, ::core::marker::PhantomData);
    }
}

/// The body of an `async fn` as a future.
pub(crate) fn future(function: &Function, runtime: &TokenStream) -> TokenStream {
    let body = &function.body;
    let ty = declared(function).unwrap_or_else(|| parse_quote!(()));
    let opened = located(quote!(async move), body.span_open());
    // The branch never taken types `return`, `?` and the tail; the type outside keeps lifetimes blamed on the body.
    quote! {
        #runtime::private::typed::<#ty, _>(#opened {
            if false {
                return #runtime::private::unreached::<#ty>();
            }
            #body
        })
    }
}

/// The outcome of the value that `reference` refers to.
pub(crate) fn outcome(function: &Function, reference: &TokenStream, runtime: &TokenStream) -> TokenStream {
    match returns(function) {
        Returns::Plain | Returns::Never => quote!(#runtime::private::Outcome::Success),
        Returns::Value | Returns::Unknown => quote!({
            use #runtime::private::judge::*;
            (&&&&&&&&Probe(#reference)).outcome()
        }),
    }
}

/// The declared type, with `_` for each `impl Trait` in it; `None` where none was written.
pub(crate) fn declared(function: &Function) -> Option<Type> {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Type::ImplTrait(hidden) = ty {
                let span = hidden.impl_token.span;
                *ty = Type::Verbatim(quote_spanned!(span.resolved_at(Span::mixed_site())=> _));
            } else {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }
    let ReturnType::Type(_, ty) = function.output() else { return None };
    let mut ty = (**ty).clone();
    Infer.visit_type_mut(&mut ty);
    Some(ty)
}
