//! Code before and after a body, sync or async, so that rustc says of the body what it would say without us.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{ReturnType, Type, parse_quote};

use crate::args::{Errors, located, ours};
use crate::arguments::{self, Taken};
use crate::item::{self, Function, Item};
use crate::{clippy, exits};

/// What is done around a body.
pub(crate) struct Around {
    /// Statements before the body.
    pub(crate) before: TokenStream,
    /// What begins the call, where there is one to be bound to the name that [`call`] gives.
    pub(crate) begin: Option<TokenStream>,
    /// Ends the call; `None` when there is nothing to learn from the value and dropping the call ends it.
    pub(crate) settle: Option<Settle>,
    /// Statements after those that make the call end by itself, as a success, when the body returns; `None` when it
    /// needs the value for more than its outcome.
    pub(crate) until_return: Option<TokenStream>,
    /// Whether the call may be handed to a future that the function returns.
    pub(crate) pauses: bool,
    /// The path of the runtime.
    pub(crate) runtime: TokenStream,
}

impl Around {
    /// Binds the call.
    fn bound(&self) -> Option<TokenStream> {
        let (call, begin) = (call(), self.begin.as_ref()?);
        Some(quote!(let #call = #begin;))
    }

    /// How a call ends that learns nothing from its value, but may end later than the function.
    fn done(&self) -> Settle {
        let (call, runtime) = (call(), self.runtime.clone());
        let write = move |_: TokenStream, _: TokenStream| quote!(#runtime::private::done(#call));
        Settle::Written { write: Box::new(write), place: Span::call_site() }
    }

    /// What is asked of the arguments and of a value that never is.
    fn uses(&self, function: &Function) -> TokenStream {
        let Around { before, settle, runtime, .. } = self;
        let bound = self.bound();
        let finished = match (settle, declared(function)) {
            // A value of the type `!` cannot be written on stable Rust.
            (Some(settle @ Settle::Written { .. }), ty)
                if !within(function).impl_trait && returns(function) != Returns::Never =>
            {
                let (value, ty) = (ours("value"), inferred_lifetimes(function, ty));
                let finished = finished(function, may_return_future(function), settle, runtime);
                quote! {
                    let #value = #runtime::private::unreached::<#ty>();
                    let _ = { #finished };
                }
            }
            _ => TokenStream::new(),
        };
        quote!(#before #bound #finished)
    }
}

/// How a call ends when its body has.
pub(crate) enum Settle {
    /// By a function of the runtime, which takes the way to the outcome, these arguments and the value, and gives the
    /// value back; with `_with` after its name it takes a reference.
    By(&'static str, TokenStream),
    /// As it writes, given a reference to the value and an expression for its outcome. What is wrong with a value that is
    /// still borrowed then is wrong at `place`.
    Written { write: Box<dyn Fn(TokenStream, TokenStream) -> TokenStream>, place: Span },
}

impl Settle {
    /// The name of the value, where it is given on.
    fn value(&self) -> Ident {
        let mut value = ours("value");
        if let Settle::Written { place, .. } = self {
            value.set_span(value.span().located_at(*place));
        }
        value
    }

    /// Ends the call of a value that `reference` refers to.
    fn with(&self, function: &Function, reference: TokenStream, runtime: &TokenStream) -> TokenStream {
        match self {
            Settle::By(name, arguments) => {
                let (name, way) = (format_ident!("{name}_with"), way(function, &asked(&reference, runtime), runtime));
                quote!(#runtime::private::#name(#way, #arguments, #reference))
            }
            Settle::Written { write, .. } => {
                let outcome = outcome(function, &reference, runtime);
                write(reference, outcome)
            }
        }
    }
}

/// The name under which a call is bound.
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
    /// A `Result`, an `Option` or a tuple, which is no future.
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
        // One that is an answer has its status in it.
        Type::Tuple(tuple) if !tuple.elems.is_empty() => Returns::Value,
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

/// The names of the traits of a type `impl Trait`, with their arguments; of any other type none.
fn traits(ty: &Type) -> impl Iterator<Item = &syn::PathSegment> {
    let bounds = match ty {
        Type::ImplTrait(hidden) => Some(&hidden.bounds),
        _ => None,
    };
    bounds.into_iter().flatten().filter_map(|bound| match bound {
        syn::TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    })
}

/// `Future` with its arguments, where the declared type is `impl Future<..>`.
pub(crate) fn future_trait(function: &Function) -> Option<&syn::PathSegment> {
    let ReturnType::Type(_, ty) = function.output() else { return None };
    traits(ty).find(|name| name.ident == "Future")
}

/// Whether a type is `impl Trait` of a trait that tells no outcome and that no caller could await.
fn is_no_future(ty: &Type) -> bool {
    const TRAITS: [&str; 7] =
        ["Iterator", "DoubleEndedIterator", "ExactSizeIterator", "IntoIterator", "Display", "Debug", "Error"];
    // `Fn(A) -> B` and its kin are the only traits that are written with parentheses.
    traits(ty).any(|last| {
        matches!(last.arguments, syn::PathArguments::Parenthesized(_)) || TRAITS.iter().any(|name| last.ident == name)
    })
}

/// Whether the declared type is `impl Trait`.
fn is_hidden(function: &Function) -> bool {
    matches!(function.output(), ReturnType::Type(_, ty) if matches!(**ty, Type::ImplTrait(_)))
}

/// A declared type without the lifetimes that the function declares: naming them would be a use of theirs.
fn inferred_lifetimes(function: &Function, ty: Option<Type>) -> Type {
    struct Infer<'a>(&'a Function);
    impl VisitMut for Infer<'_> {
        fn visit_lifetime_mut(&mut self, lifetime: &mut syn::Lifetime) {
            if self.0.signature.generics.lifetimes().any(|declared| declared.lifetime == *lifetime) {
                lifetime.ident = Ident::new("_", lifetime.ident.span());
            }
        }
    }
    let mut ty = ty.unwrap_or_else(|| parse_quote!(()));
    Infer(function).visit_type_mut(&mut ty);
    ty
}

/// What the declared type has in it.
#[derive(Default)]
pub(crate) struct Within {
    /// An `impl Trait`.
    pub(crate) impl_trait: bool,
    /// A reference or the name of a lifetime.
    borrows: bool,
}

impl VisitMut for Within {
    fn visit_type_impl_trait_mut(&mut self, ty: &mut syn::TypeImplTrait) {
        self.impl_trait = true;
        visit_mut::visit_type_impl_trait_mut(self, ty);
    }

    fn visit_type_reference_mut(&mut self, ty: &mut syn::TypeReference) {
        self.borrows = true;
        visit_mut::visit_type_reference_mut(self, ty);
    }

    fn visit_lifetime_mut(&mut self, _: &mut syn::Lifetime) {
        self.borrows = true;
    }
}

pub(crate) fn within(function: &Function) -> Within {
    let mut within = Within::default();
    if let ReturnType::Type(_, ty) = function.output() {
        within.visit_type_mut(&mut ty.clone());
    }
    within
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
        (Some(Item::Function(function)), _) if errors.is_empty() && exits::breaks_nothing(&function.body) => item,
        (Some(Item::Function(function)), Some(accepted)) if errors.is_empty() => {
            let around = around(accepted, &function);
            let (uses, runtime) = (around.uses(&function), around.runtime.clone());
            clippy::beside(&function, clippy::using(&uses), &runtime, wrap(&function, around))
        }
        (Some(Item::Impl(block)), _) if errors.is_empty() => block,
        _ => {
            let errors = errors.to_compile_error();
            quote!(#errors #item)
        }
    }
}

/// The function with `around` around its body.
fn wrap(function: &Function, mut around: Around) -> TokenStream {
    let returns = returns(function);
    let later = around.pauses && may_return_future(function);
    let settle = around.settle.take().filter(|_| returns != Returns::Never).or_else(|| later.then(|| around.done()));
    if let Some(body) = settle.as_ref().and_then(|settle| in_place(function, &around, later, settle)) {
        return function.with_body(body);
    }
    let bound = around.bound();
    around.before.extend(bound);
    let Around { before, until_return, .. } = &around;
    let body = exits::inner(&function.body);
    function.with_body(match (settle, until_return) {
        // A guard alone keeps `#[track_caller]` and the order of drops.
        (None, _) => quote!(#before #body),
        // Without a closure around it the body is the function's own in every respect.
        (Some(_), Some(until_return)) if returns == Returns::Plain && !function.is_async() => {
            quote!(#before #until_return #body)
        }
        (Some(settle), _) if function.is_async() => asynchronous(function, &around, &settle),
        (Some(settle), _) => sync(function, &around, later, &settle),
    })
}

/// The body as a block, where its tokens show how it is left: its value is judged where it is. What is wrong with a
/// reference that it gives would be said in another way.
fn in_place(function: &Function, around: &Around, later: bool, settle: &Settle) -> Option<TokenStream> {
    let within = within(function);
    if returns(function) == Returns::Never || within.impl_trait || within.borrows {
        return None;
    }
    let ty = declared(function);
    let Around { before, begin, runtime, .. } = around;
    let block = exits::block(&function.body, ty.is_some(), &quote!(#runtime::private::unreached()))?;
    let ty = ty.map_or_else(|| quote!(()), |ty| ours_alone(ty.to_token_stream()));
    if let (Settle::By(name, arguments), false) = (settle, later) {
        // A call that is begun as an argument needs neither a place of its own nor a mark that it was moved.
        let arguments = begin.as_ref().unwrap_or(arguments);
        let (name, asked) = (format_ident!("{name}"), quote!(#runtime::private::judge::of::<#ty>()));
        let way = way(function, &asked, runtime);
        return Some(quote! {
            #before
            #runtime::private::#name::<#ty, _, _>(#way, #arguments, #block)
        });
    }
    let (bound, value) = (around.bound(), ours("value"));
    let finished = finished(function, later, settle, runtime);
    Some(quote! {
        #before
        #bound
        let #value = ::core::convert::identity::<#ty>(#block);
        #finished
    })
}

fn sync(function: &Function, around: &Around, later: bool, settle: &Settle) -> TokenStream {
    let Around { before, runtime, .. } = around;
    let (value, body) = (ours("value"), ours("body"));
    let bound = closure(function, &body, runtime);
    if let (Settle::By(name, arguments), false) = (settle, later) {
        let name = format_ident!("{name}");
        let way = way(function, &quote!(#runtime::private::judge::body(&#body)), runtime);
        return quote! {
            #before
            #bound
            #runtime::private::#name(#way, #arguments, #body.0())
        };
    }
    let finished = finished(function, later, settle, runtime);
    quote! {
        #before
        #bound
        let #value = #body.0();
        #finished
    }
}

/// Ends the call and gives the value back; where the value is a future, `later` that ends the call when it is ready.
fn finished(function: &Function, later: bool, settle: &Settle, runtime: &TokenStream) -> TokenStream {
    let (call, value, kind, given) = (call(), ours("value"), ours("kind"), settle.value());
    if !later {
        let settled = settle.with(function, quote!(&#value), runtime);
        return quote!(#settled; #given);
    }
    // Behind `impl Trait` a future may be exchanged for another; a type with a name has to stay what it is.
    let form = format_ident!("{}", if is_hidden(function) { "hidden" } else { "named" });
    let settled = settle.with(function, quote!(#value), runtime);
    quote! {
        let #kind = {
            use #runtime::private::returned::#form::*;
            (&&&&Returned(&#value)).kind()
        };
        #kind.finish(#given, #call, |#call, #value| #settled)
    }
}

fn asynchronous(function: &Function, around: &Around, settle: &Settle) -> TokenStream {
    let Around { before, runtime, .. } = around;
    let value = ours("value");
    let finished = finished(function, false, settle, runtime);
    let (future, ty) = (future(function, runtime), annotation(function));
    quote! {
        #before
        let #value #ty = #future.await;
        #finished
    }
}

/// The body of a sync function as a closure, which `name.0` then is.
pub(crate) fn closure(function: &Function, name: &Ident, runtime: &TokenStream) -> TokenStream {
    let Taken { outside, inside } = arguments::taken(function);
    let mut body = function.body.clone();
    if !inside.is_empty() {
        let inner = exits::inner(&body);
        body = Group::new(Delimiter::Brace, quote!(#inside #inner));
        body.set_span(function.body.span());
    }
    // What is wrong with the closure as a whole, such as a capture of a moved argument, is wrong where the body begins.
    let opened = located(quote!(move ||), function.body.span_open());
    // No `-> ()` where nothing was written: the type argument says it.
    let (output, returned) = match declared(function) {
        Some(ty) => (quote!(-> #ty), quote!()),
        None => (quote!(), quote!(::<(), _>)),
    };
    // Of a future behind `impl Trait` nothing but its declared output says what its body leaves open.
    let said =
        given(function).map(|ty| quote!(if false { #runtime::private::judge::given::<#ty, _, _>(&#name).say() }));
    quote! {
        #outside
        let #name = #runtime::private::Once #returned(#opened #output #body, ::core::marker::PhantomData);
        #said
    }
}

/// The body of an `async fn` as a future.
pub(crate) fn future(function: &Function, runtime: &TokenStream) -> TokenStream {
    let body = exits::inner(&function.body);
    let ty = declared(function).unwrap_or_else(|| parse_quote!(()));
    let opened = located(quote!(async move), body.span_open());
    let Taken { outside, inside } = arguments::taken(function);
    // The branch never taken types `return`, `?` and the tail.
    let future = quote! {
        #opened {
            if false {
                return #runtime::private::unreached::<#ty>();
            }
            #inside
            #body
        }
    };
    if outside.is_empty() { future } else { quote!({ #outside #future }) }
}

/// The declared type of an `async fn`, for a `let` of its value: it keeps lifetimes blamed on the body.
pub(crate) fn annotation(function: &Function) -> Option<TokenStream> {
    let ty = ours_alone(declared(function)?.to_token_stream());
    Some(quote!(: #ty))
}

/// Tokens as if they were ours, so that nothing is said of them a second time.
fn ours_alone(tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            match &mut token {
                TokenTree::Group(group) => {
                    let mut inner = Group::new(group.delimiter(), ours_alone(group.stream()));
                    inner.set_span(group.span().resolved_at(Span::call_site()));
                    *group = inner;
                }
                // What `$crate` is, its span says.
                TokenTree::Ident(word) if word == "$crate" => {}
                token => token.set_span(token.span().resolved_at(Span::call_site())),
            }
            token
        })
        .collect()
}

/// The outcome of the value that `reference` refers to.
pub(crate) fn outcome(function: &Function, reference: &TokenStream, runtime: &TokenStream) -> TokenStream {
    let way = way(function, &asked(reference, runtime), runtime);
    quote!(#runtime::private::judge::outcome(#way, #reference))
}

/// The question how the value that `reference` refers to tells its outcome.
fn asked(reference: &TokenStream, runtime: &TokenStream) -> TokenStream {
    quote!(#runtime::private::judge::value(#reference))
}

/// The way to an outcome, which the type of the answer to `asked` is; nothing is asked when the program runs.
fn way(function: &Function, asked: &TokenStream, runtime: &TokenStream) -> TokenStream {
    match returns(function) {
        Returns::Plain | Returns::Never => {
            quote!(#runtime::private::judge::Way::<#runtime::private::judge::Anything>)
        }
        Returns::Value | Returns::Unknown => {
            quote!(if false { #asked.way() } else { #runtime::private::judge::Way })
        }
    }
}

/// What the future behind a declared `impl Future<Output = ..>` gives, with `_` for each `impl Trait` in it.
fn given(function: &Function) -> Option<Type> {
    let syn::PathArguments::AngleBracketed(arguments) = &future_trait(function)?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::AssocType(output) if output.ident == "Output" => Some(inferred(output.ty.clone())),
        _ => None,
    })
}

/// The declared type, with `_` for each `impl Trait` in it; `None` where none was written.
pub(crate) fn declared(function: &Function) -> Option<Type> {
    let ReturnType::Type(_, ty) = function.output() else { return None };
    Some(inferred((**ty).clone()))
}

/// A type with `_` for each `impl Trait` in it.
fn inferred(mut ty: Type) -> Type {
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
    Infer.visit_type_mut(&mut ty);
    ty
}
