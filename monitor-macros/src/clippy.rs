//! What clippy is shown: the function as it was written, and that it uses what its attribute names.
//!
//! Under `cargo clippy` nothing runs, so nothing has to be measured there; many of its lints look at the shape of a
//! function's body, and would judge ours.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::Stmt;
use syn::parse::{ParseStream, Parser};

use crate::item::Function;

/// `measured` for the compiler, and for clippy `function` behind a statement.
pub(crate) fn beside(
    function: &Function,
    statement: TokenStream,
    runtime: &TokenStream,
    measured: TokenStream,
) -> TokenStream {
    let seen = seen(function, statement);
    // The arguments of a macro are not parsed where it is left out: so the second function costs the compiler little.
    quote! {
        #[cfg(clippy)]
        #runtime::private::as_written! { #seen }
        #[cfg(not(clippy))]
        #measured
    }
}

/// The statement that uses what `uses` does, and does nothing.
pub(crate) fn using(uses: &TokenStream) -> TokenStream {
    quote!(let _ = || { #uses };)
}

fn seen(function: &Function, statement: TokenStream) -> TokenStream {
    let body = function.body.stream();
    match async_block(&body) {
        Some((head, block)) => {
            let mut group = Group::new(Delimiter::Brace, led_by(statement, block.stream()));
            group.set_span(block.span());
            function.with_body(quote!(#head #group))
        }
        None => function.with_body(led_by(statement, body)),
    }
}

/// `async move { .. }` where that is the whole body: the statement goes into it.
fn async_block(body: &TokenStream) -> Option<(TokenStream, Group)> {
    let mut tokens = body.clone().into_iter();
    match (tokens.next(), tokens.next(), tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(first)), Some(TokenTree::Ident(second)), Some(TokenTree::Group(block)), None)
            if first == "async" && second == "move" =>
        {
            Some((quote!(#first #second), block))
        }
        _ => None,
    }
}

/// `body` with `statement` before its first statement that is no item: an item is not to stand behind one.
fn led_by(statement: TokenStream, body: TokenStream) -> TokenStream {
    let Ok(rest) = after_items.parse2(body.clone()) else { return quote!(#statement #body) };
    let left = rest.clone().into_iter().count();
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let items = &tokens[..tokens.len() - left];
    quote!(#(#items)* #statement #rest)
}

/// What follows the items with which a body begins; an error where it begins with none.
fn after_items(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut rest = None;
    while let Ok(Stmt::Item(_)) = input.fork().parse() {
        input.parse::<Stmt>()?;
        rest = Some(input.fork().parse()?);
    }
    let rest = rest.ok_or_else(|| input.error("no item"));
    input.parse::<TokenStream>()?;
    rest
}
