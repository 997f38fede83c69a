//! The annotated item: what the attribute needs to know of a function, and its body, untouched.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, ReturnType, Signature, Visibility};

use crate::args::Errors;

/// A function: everything before its body as it was written, and the body's tokens, never printed from a tree.
pub(crate) struct Function {
    pub(crate) head: TokenStream,
    pub(crate) signature: Signature,
    pub(crate) inner_attributes: TokenStream,
    pub(crate) body: Group,
}

pub(crate) enum Item {
    Function(Box<Function>),
    /// An `impl` block: its head, and its items with the attribute handed on to each function.
    Impl(TokenStream),
}

/// Reads an item for the attribute `name`; `attribute` is written on each function of an `impl` block.
pub(crate) fn read(name: &str, item: TokenStream, attribute: &TokenStream, errors: &mut Errors) -> Option<Item> {
    let mut tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    ungroup(&mut tokens);
    let keyword = keyword(&tokens);
    match keyword.as_ref().map(Ident::to_string).as_deref() {
        Some("fn") => {}
        Some("impl") => return Some(Item::Impl(hand_on(tokens, attribute))),
        other => {
            let found = match other {
                Some("enum") => "; this is an `enum`".to_owned(),
                Some(word @ ("struct" | "union" | "trait" | "static" | "const" | "type" | "use")) => {
                    format!("; this is a `{word}`")
                }
                Some("mod") => "; this is a module".to_owned(),
                Some("extern") => "; this is an `extern` block".to_owned(),
                _ => String::new(),
            };
            let message = format!("`#[{name}]` goes on a function with a body, or on an `impl` block{found}");
            match keyword {
                Some(keyword) => errors.at(keyword, message),
                None => errors.at(item, message),
            }
            return None;
        }
    }
    let Some((TokenTree::Group(group), head)) = tokens.split_last() else {
        errors.at(keyword, format!("`#[{name}]` needs a function with a body"));
        return None;
    };
    if group.delimiter() != Delimiter::Brace {
        errors.at(keyword, format!("`#[{name}]` needs a function with a body"));
        return None;
    }
    let head: TokenStream = head.iter().cloned().collect();
    let signature = errors.take(signature.parse2(head.clone()))?;
    if let Some(token) = &signature.constness {
        errors
            .at(token, format!("`#[{name}]` cannot watch a `const fn`, which may run while compiling; remove `const`"));
        return None;
    }
    let (inner_attributes, body) = split_inner_attributes(group);
    Some(Item::Function(Box::new(Function { head, signature, inner_attributes, body })))
}

/// Takes away the invisible brackets in which `macro_rules!` hands on a whole `$item` or a `$body`.
fn ungroup(tokens: &mut Vec<TokenTree>) {
    while let Some(TokenTree::Group(group)) = tokens.last() {
        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
        if group.delimiter() != Delimiter::None || tokens.len() > 1 && inner.len() != 1 {
            break;
        }
        tokens.pop();
        tokens.extend(inner);
    }
}

fn signature(input: ParseStream<'_>) -> syn::Result<Signature> {
    input.call(Attribute::parse_outer)?;
    input.parse::<Visibility>()?;
    input.parse()
}

/// The word that says what the item is: `fn` for a function, whatever stands before it.
fn keyword(tokens: &[TokenTree]) -> Option<Ident> {
    let mut words = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                if words.last().is_some_and(|last: &Ident| last != "pub" && !is_modifier(last)) {
                    break;
                }
                words.push(word.clone());
            }
            // An attribute, `pub(..)` or the ABI of an `extern`.
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            _ => {}
        }
    }
    let last = words.last()?;
    if is_modifier(last) && words.len() > 1 {
        // `extern "C" {}`, `const X`: the modifier is the keyword.
        return words.iter().rev().find(|word| *word != "unsafe").cloned();
    }
    if *last != "fn"
        && let Some(modifier) = words.iter().rev().find(|word| *word == "const")
    {
        return Some(modifier.clone());
    }
    Some(last.clone())
}

fn is_modifier(word: &Ident) -> bool {
    ["const", "async", "unsafe", "extern", "default", "safe"].iter().any(|modifier| word == modifier)
}

/// Leading `#![..]` have to stay first in the new body.
fn split_inner_attributes(group: &Group) -> (TokenStream, Group) {
    let mut inner = TokenStream::new();
    let mut tokens = group.stream().into_iter().peekable();
    while let Some(TokenTree::Punct(hash)) = tokens.peek() {
        if hash.as_char() != '#' {
            break;
        }
        let mut ahead = tokens.clone();
        let (Some(hash), Some(TokenTree::Punct(bang)), Some(TokenTree::Group(attribute))) =
            (ahead.next(), ahead.next(), ahead.next())
        else {
            break;
        };
        if bang.as_char() != '!' || attribute.delimiter() != Delimiter::Bracket {
            break;
        }
        inner.extend([hash, TokenTree::Punct(bang), TokenTree::Group(attribute)]);
        tokens = ahead;
    }
    if inner.is_empty() {
        return (inner, group.clone());
    }
    let mut body = Group::new(Delimiter::Brace, tokens.collect());
    body.set_span(group.span());
    (inner, body)
}

/// Writes `attribute` on every function of an `impl` block, except `const` ones.
fn hand_on(mut tokens: Vec<TokenTree>, attribute: &TokenStream) -> TokenStream {
    let Some(TokenTree::Group(block)) = tokens.pop() else { return tokens.into_iter().collect() };
    let mut out = TokenStream::new();
    for item in items(block.stream()) {
        let is = |word: &str| item.iter().any(|token| matches!(token, TokenTree::Ident(found) if found == word));
        let has_body = matches!(item.last(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
        if is("fn") && !is("const") && has_body {
            out.extend(attribute.clone());
        }
        out.extend(item);
    }
    let mut group = Group::new(Delimiter::Brace, out);
    group.set_span(block.span());
    tokens.push(TokenTree::Group(group));
    tokens.into_iter().collect()
}

/// Splits the inside of an `impl` block: an item ends with `;`, or with the braces of a function or a macro call.
fn items(block: TokenStream) -> Vec<Vec<TokenTree>> {
    let punct = |token: Option<&TokenTree>, chars: &str| matches!(token, Some(TokenTree::Punct(punct)) if chars.contains(punct.as_char()));
    let mut items = Vec::new();
    let mut item: Vec<TokenTree> = Vec::new();
    let mut tokens = block.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let before = item.last().cloned();
        let ends = match &token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let of_function = item.iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"));
                let generic_argument = punct(before.as_ref(), "<,=") || punct(tokens.peek(), ">,");
                let of_macro = punct(before.as_ref(), "!");
                of_function && !generic_argument || of_macro
            }
            _ => false,
        };
        item.push(token);
        if ends {
            items.push(std::mem::take(&mut item));
        }
    }
    if !item.is_empty() {
        items.push(item);
    }
    items
}

impl Function {
    pub(crate) fn is_async(&self) -> bool {
        self.signature.asyncness.is_some()
    }

    /// The function again, around another body. The new braces stand where the old ones did.
    pub(crate) fn with_body(&self, body: TokenStream) -> TokenStream {
        let head = &self.head;
        let inner_attributes = &self.inner_attributes;
        let mut group = Group::new(Delimiter::Brace, quote!(#inner_attributes #body));
        group.set_span(self.body.span());
        let mut tokens = head.clone();
        group.to_tokens(&mut tokens);
        tokens
    }

    pub(crate) fn output(&self) -> &ReturnType {
        &self.signature.output
    }
}
