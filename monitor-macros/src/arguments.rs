//! Arguments that a body in a closure or in a future takes for itself, so that rustc says of them what it says of an
//! argument and not of a captured variable.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{FnArg, PatIdent, Token};

use crate::exits;
use crate::item::Function;

/// Arguments that are taken, as statements.
#[derive(Default)]
pub(crate) struct Taken {
    /// Before the closure or future: they use the `mut` of what is changed no more.
    pub(crate) outside: TokenStream,
    /// At its beginning: `let argument = argument;`.
    pub(crate) inside: TokenStream,
}

/// Takes each argument that the body assigns to, although it is not `mut`, or may lend to a closure or a future of its
/// own. The others stay where they are: each that is taken makes a future larger.
pub(crate) fn taken(function: &Function) -> Taken {
    let body = function.body.stream();
    let lends = exits::lends(body.clone());
    let mut taken = Taken::default();
    for (mutable, name) in arguments(function) {
        if !(lends && exits::mentions(body.clone(), &|word| *word == name)
            || mutable.is_none() && assigns(body.clone(), &name))
        {
            continue;
        }
        if let Some(mutable) = mutable {
            taken.outside.extend(quote!(if false { let _ = &mut #name; }));
            taken.inside.extend(quote!(let #mutable #name = #name;));
        } else {
            taken.inside.extend(quote!(let #name = #name;));
        }
    }
    taken
}

/// The names that the arguments bind by value, and whether they are `mut`. One with an attribute may not be there.
fn arguments(function: &Function) -> Vec<(Option<Token![mut]>, Ident)> {
    struct Names(Vec<(Option<Token![mut]>, Ident)>);
    impl VisitMut for Names {
        fn visit_pat_ident_mut(&mut self, pat: &mut PatIdent) {
            if pat.by_ref.is_none() {
                self.0.push((pat.mutability, pat.ident.clone()));
            }
            visit_mut::visit_pat_ident_mut(self, pat);
        }
    }
    let mut names = Names(Vec::new());
    for input in &function.signature.inputs {
        if let FnArg::Typed(input) = input
            && input.attrs.is_empty()
        {
            names.visit_pat_mut(&mut input.pat.clone());
        }
    }
    names.0
}

/// Whether `name = ..`, `name.part += ..` or the like stands there.
fn assigns(tokens: TokenStream, name: &Ident) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    (0..tokens.len()).any(|at| match &tokens[at] {
        TokenTree::Group(group) => assigns(group.stream(), name),
        TokenTree::Ident(word) if word == name => {
            let bound = at > 0
                && match &tokens[at - 1] {
                    TokenTree::Ident(before) => before == "let" || before == "mut" || before == "ref",
                    TokenTree::Punct(before) => before.as_char() == '.',
                    _ => false,
                };
            // Of a part of it too: `name.part = ..`.
            let behind = tokens[at + 1..].chunks(2).take_while(|pair| {
                matches!(pair, [TokenTree::Punct(dot), TokenTree::Ident(_) | TokenTree::Literal(_)] if dot.as_char() == '.')
            });
            let behind = at + 1 + 2 * behind.count();
            let operator: String = tokens[behind..]
                .iter()
                .map_while(|token| match token {
                    TokenTree::Punct(punct) => Some(punct.as_char()),
                    _ => None,
                })
                .take(3)
                .collect();
            !bound && is_assignment(&operator)
        }
        _ => false,
    })
}

fn is_assignment(operator: &str) -> bool {
    let compared = operator.starts_with("==") || operator.starts_with("=>");
    let computed = ["+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "<<=", ">>="];
    operator.starts_with('=') && !compared || computed.iter().any(|sign| operator.starts_with(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_told_from_a_comparison_and_from_a_new_name() {
        for (text, expected) in [
            ("x = 3;", true),
            ("x += 1;", true),
            ("x >>= 1;", true),
            ("x.part = 3;", true),
            ("x.0.part -= 3;", true),
            ("{ if a { x =-1; } }", true),
            ("x == 3", false),
            ("x >= 3", false),
            ("x <= 3", false),
            ("x != 3", false),
            ("match a { x => x }", false),
            ("let x = x;", false),
            ("let mut x = 3;", false),
            ("a.x = 3;", false),
            ("x.push(3);", false),
        ] {
            let (tokens, x) = (text.parse().expect("tokens"), crate::args::ours("x"));
            assert_eq!(assigns(tokens, &x), expected, "{text}");
        }
    }
}
