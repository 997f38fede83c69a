//! `key = value` lists to spanned pairs; what is wrong with one attribute is collected and reported at once.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, LitStr, Path, Stmt, Token, parenthesized, token};

/// Everything wrong so far.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn at(&mut self, place: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(place, message));
    }

    /// Keeps the value, or the error.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn to_compile_error(&self) -> TokenStream {
        self.0.as_ref().map(syn::Error::to_compile_error).unwrap_or_default()
    }

    pub(crate) fn finish<T>(self, value: T) -> syn::Result<T> {
        match self.0 {
            Some(error) => Err(error),
            None => Ok(value),
        }
    }
}

/// One `key`, `key = value` or `key(list)`.
pub(crate) struct Arg {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    None,
    Expr(Expr),
    List(Vec<Arg>),
}

impl Arg {
    /// The value as the path of a metric.
    pub(crate) fn metric(self, example: &str) -> syn::Result<Path> {
        let rule = format!("`{0}` takes the path of a metric, such as `{0} = {example}`", self.key.unraw());
        match self.value {
            Value::Expr(expr) => match ungrouped(expr) {
                Expr::Path(path) if path.qself.is_none() => Ok(path.path),
                other => Err(syn::Error::new_spanned(other, rule)),
            },
            Value::None | Value::List(_) => Err(syn::Error::new_spanned(self.key, rule)),
        }
    }

    pub(crate) fn expr(self, example: &str) -> syn::Result<Expr> {
        match self.value {
            Value::Expr(expr) => Ok(expr),
            Value::None | Value::List(_) => {
                let message = format!("`{0}` takes a value, such as `{0} = {example}`", self.key.unraw());
                Err(syn::Error::new_spanned(self.key, message))
            }
        }
    }
}

/// Parses a whole list, going on after a mistake at the next comma.
pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Vec<Arg> {
    match (|input: ParseStream<'_>| Ok(list(input, errors))).parse2(tokens) {
        Ok(args) => args,
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    }
}

/// Parses `PATH, key = value, ..`.
pub(crate) fn parse_after_path(tokens: TokenStream, rule: &str, errors: &mut Errors) -> (Option<Path>, Vec<Arg>) {
    let parser = |input: ParseStream<'_>| {
        let first = input.fork().parse::<Path>().is_ok_and(|_| !key_follows(input));
        let path = if first {
            errors.take(input.parse())
        } else {
            errors.push(syn::Error::new(input.span(), rule));
            if !key_follows(input) {
                skip_to_comma(input);
            }
            None
        };
        let _ = input.parse::<Option<Token![,]>>();
        Ok((path, list(input, errors)))
    };
    match parser.parse2(tokens) {
        Ok(parsed) => parsed,
        Err(error) => {
            errors.push(error);
            (None, Vec::new())
        }
    }
}

/// Parses `"name", key = value, ..`.
pub(crate) fn parse_after_name(tokens: TokenStream, rule: &str, errors: &mut Errors) -> (Option<LitStr>, Vec<Arg>) {
    let parser = |input: ParseStream<'_>| {
        let name = match input.parse::<LitStr>() {
            Ok(name) => Some(name),
            Err(_) => {
                errors.push(syn::Error::new(input.span(), rule));
                if !key_follows(input) {
                    skip_to_comma(input);
                }
                None
            }
        };
        if name.is_some() && !input.is_empty() && !input.peek(Token![,]) {
            errors.push(input.error("expected a comma between options"));
            skip_to_comma(input);
        }
        let _ = input.parse::<Option<Token![,]>>();
        Ok((name, list(input, errors)))
    };
    match parser.parse2(tokens) {
        Ok(parsed) => parsed,
        Err(error) => {
            errors.push(error);
            (None, Vec::new())
        }
    }
}

/// A first argument without a name, and what follows it.
pub(crate) fn bare(tokens: &TokenStream) -> Option<(Expr, TokenStream)> {
    let parser = |input: ParseStream<'_>| {
        let list = input.peek(syn::Ident::peek_any) && input.peek2(token::Paren);
        let expr = if key_follows(input) || list { None } else { input.parse::<Expr>().ok() };
        let ends = input.is_empty() || input.parse::<Token![,]>().is_ok();
        let rest: TokenStream = input.parse()?;
        Ok(expr.filter(|_| ends).map(|expr| (ungrouped(expr), rest)))
    };
    parser.parse2(tokens.clone()).ok().flatten()
}

fn key_follows(input: ParseStream<'_>) -> bool {
    input.peek(syn::Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==])
}

fn list(input: ParseStream<'_>, errors: &mut Errors) -> Vec<Arg> {
    let mut args = Vec::new();
    while !input.is_empty() {
        match arg(input, errors) {
            Ok(arg) => args.push(arg),
            Err(error) => {
                errors.push(error);
                skip_to_comma(input);
            }
        }
        if !input.is_empty() {
            if input.peek(Token![,]) {
                let _ = input.parse::<Token![,]>();
            } else {
                errors.push(input.error("expected a comma between options"));
                skip_to_comma(input);
                let _ = input.parse::<Option<Token![,]>>();
            }
        }
    }
    args
}

fn arg(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Arg> {
    if !input.peek(syn::Ident::peek_any) {
        return Err(input.error("expected an option or a label: `name = value`"));
    }
    let key = input.call(Ident::parse_any)?;
    let value = if input.peek(Token![=]) {
        let equals: Token![=] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new_spanned(equals, format!("`{}` has no value", key.unraw())));
        }
        Value::Expr(input.parse()?)
    } else if input.peek(token::Paren) {
        let inner;
        parenthesized!(inner in input);
        Value::List(list(&inner, errors))
    } else {
        Value::None
    };
    Ok(Arg { key, value })
}

pub(crate) fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}

/// An expression out of the invisible brackets in which `macro_rules!` hands on a fragment.
pub(crate) fn ungrouped(mut expr: Expr) -> Expr {
    while let Expr::Group(group) = expr {
        expr = *group.expr;
    }
    expr
}

/// An expression that is going to stand alone, without the parentheses or braces around it: rustc would call them
/// unnecessary where it then is.
pub(crate) fn alone(mut expr: Expr) -> Expr {
    loop {
        expr = match expr {
            Expr::Group(group) => *group.expr,
            Expr::Paren(paren) if paren.attrs.is_empty() => *paren.expr,
            Expr::Block(block) if block.attrs.is_empty() && block.label.is_none() => match block.block.stmts.as_slice()
            {
                [Stmt::Expr(inner, None)] => inner.clone(),
                _ => return Expr::Block(block),
            },
            other => return other,
        };
    }
}

/// `crate = path`, or where the runtime is found without it.
pub(crate) fn runtime_path(given: Option<Expr>) -> syn::Result<TokenStream> {
    match given.map(ungrouped) {
        None => Ok(quote::quote!(::monitor_runtime)),
        Some(Expr::Path(path)) if path.qself.is_none() => Ok(path.path.into_token_stream()),
        Some(other) => {
            Err(syn::Error::new_spanned(other, "`crate` takes a path to monitor-runtime, such as `crate = ::metering`"))
        }
    }
}

/// The key that was probably meant.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|known| (distance(written, known), *known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min()
        .map(|(_, known)| known)
}

/// The Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Whether two keys of one list are the same: the second is an error.
pub(crate) fn once<T>(slot: &mut Option<T>, key: &Ident, value: T, errors: &mut Errors) {
    if slot.is_some() {
        errors.at(key, format!("`{}` is given twice; remove one", key.unraw()));
    } else {
        *slot = Some(value);
    }
}

/// A comma-separated list in backquotes, for messages.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Tokens of ours that are blamed on `place` when the compiler has something to say of them.
pub(crate) fn located(tokens: TokenStream, place: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(token.span().located_at(place));
            token
        })
        .collect()
}

/// An identifier of ours, which nothing of the user's can see.
pub(crate) fn ours(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Keeps `Punctuated` parsing in one place for macros that take plain expressions.
pub(crate) type Exprs = Punctuated<Expr, Token![,]>;
