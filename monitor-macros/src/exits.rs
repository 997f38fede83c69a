//! How control leaves a body, as far as its tokens tell: by its end, by `return`, or in a way that hides the value.
//!
//! An attribute needs the value of a function to judge its outcome. The way that is always right puts the body into a
//! closure or a future and calls it. The cheaper way leaves the body where it is, as a labelled block, and turns each
//! `return` of the body into a `break` out of that block. The cheaper way is right only if nothing else ends the
//! function: no `?`, no `return` that a macro hides, and no `return` of a closure, an `async` block or an inner function.
//!
//! [`block`] decides. It reads tokens, not a tree, so that the body is never printed anew, and a body that does not
//! parse keeps its own error. Whatever it does not understand, it refuses, and the caller wraps the body:
//!
//! - a `?` that is the body's own;
//! - a macro that is not in the list of [`never_returns`], since it may expand to a `return`;
//! - a `return` in the arguments of a macro, behind a `|` that may open a closure, or beside an inner `fn`;
//! - a `return` without a value in a function that has one, and one before a label or a path that begins with `::`.
//!
//! The test `a_block_breaks_out_wherever_a_parser_sees_a_return` compares the decision with syn's for every function of
//! this repository, and [`WRAP_EVERY_BODY`] leaves the cheaper way out.

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Block, ExprAsync, ExprBlock, ExprBreak, ExprClosure, ExprContinue, ExprForLoop, ExprLoop, ExprWhile, Item, Lifetime,
};

/// Set while this crate is built, every body is put into a closure or a future. So `tests/run` runs annotated functions
/// once without this file's judgement.
const WRAP_EVERY_BODY: bool = option_env!("MONITOR_MACROS_WRAP_EVERY_BODY").is_some();

/// The body as a block whose value is the function's: `return` ends the block instead. `None` where a `?` ends the
/// function, where a `return` may be hidden in a macro or be that of another function, or where the end or a `return`
/// gives nothing although the function `gives_value`.
pub(crate) fn block(body: &Group, gives_value: bool, never: &TokenStream) -> Option<TokenStream> {
    if WRAP_EVERY_BODY || gives_value && ends_without_value(body) {
        return None;
    }
    let mut found = Found { gives_value, returns: false, functions: false, hidden: false };
    let breaking = found.breaking(body, Whose::Body);
    if found.hidden || found.returns && found.functions {
        return None;
    }
    let label = label(Span::mixed_site());
    Some(if found.returns {
        quote!(#label: #breaking)
    } else if ends_with_value(body) {
        inner(body).to_token_stream()
    } else {
        // Should the body never end, rustc would call unreachable what stands around it. The parentheses are for syn 2,
        // which takes the label and the `::` of a path behind it for the beginning of a labelled expression.
        let body = inner(body);
        quote!(#label: { if false { break #label (#never); } #body })
    })
}

/// The body as a block within code of ours, its braces where they were. A single expression on one line gets company:
/// rustc calls the braces around it unnecessary anywhere but around a function's body, and offers to remove them.
pub(crate) fn inner(body: &Group) -> Group {
    let is_semicolon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
    let mut tokens = body.stream().into_iter().peekable();
    if tokens.peek().is_none() || tokens.any(|token| is_semicolon(&token)) {
        return body.clone();
    }
    let tokens = body.stream();
    let mut group = Group::new(Delimiter::Brace, quote!((); #tokens));
    group.set_span(body.span());
    group
}

/// Whether the last of a body is a name, a literal or the like of `Ok(..)`: so it has an end.
fn ends_with_value(body: &Group) -> bool {
    let mut before = None;
    let mut last = None;
    for token in body.stream() {
        before = last.replace(token);
    }
    match (before, last) {
        (Some(TokenTree::Ident(name)), Some(TokenTree::Group(_))) => {
            name.to_string().starts_with(|first: char| first.is_ascii_uppercase())
        }
        (_, Some(TokenTree::Ident(_) | TokenTree::Literal(_))) => true,
        _ => false,
    }
}

/// Whether the last of a body is a `;`, or there is nothing.
fn ends_without_value(body: &Group) -> bool {
    match body.stream().into_iter().last() {
        Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
        Some(_) => false,
        None => true,
    }
}

/// Whether one of the words there is such a one.
pub(crate) fn mentions(tokens: TokenStream, is: &impl Fn(&Ident) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => is(&word),
        TokenTree::Group(group) => mentions(group.stream(), is),
        _ => false,
    })
}

/// Whether there is a closure or an `async` block that borrows what it names.
pub(crate) fn lends(tokens: TokenStream) -> bool {
    let mut before = None;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let now = Before::of(&token, before.as_ref());
        let lends = match &token {
            TokenTree::Group(group) => lends(group.stream()),
            TokenTree::Punct(punct) if punct.as_char() == '|' => {
                let moved = matches!(&before, Some(Before::Word(word)) if word == "move");
                !moved && begins_closure(before.as_ref())
            }
            TokenTree::Ident(word) if word == "async" => matches!(tokens.peek(), Some(TokenTree::Group(_))),
            _ => false,
        };
        if lends {
            return true;
        }
        before = Some(now);
    }
    false
}

/// Whether there is a `break` or `continue` outside of every loop, which no function may have.
pub(crate) fn breaks_nothing(body: &Group) -> bool {
    struct Find {
        loops: usize,
        found: bool,
    }
    impl Find {
        fn within_loop(&mut self, block: &mut Block) {
            self.loops += 1;
            self.visit_block_mut(block);
            self.loops -= 1;
        }
    }
    impl VisitMut for Find {
        fn visit_expr_break_mut(&mut self, expr: &mut ExprBreak) {
            self.found |= self.loops == 0 && expr.label.is_none();
            visit_mut::visit_expr_break_mut(self, expr);
        }

        fn visit_expr_continue_mut(&mut self, expr: &mut ExprContinue) {
            self.found |= self.loops == 0 && expr.label.is_none();
        }

        fn visit_expr_loop_mut(&mut self, expr: &mut ExprLoop) {
            self.within_loop(&mut expr.body);
        }

        fn visit_expr_while_mut(&mut self, expr: &mut ExprWhile) {
            self.within_loop(&mut expr.body);
        }

        fn visit_expr_for_loop_mut(&mut self, expr: &mut ExprForLoop) {
            self.within_loop(&mut expr.body);
        }

        // What is said of these is said wherever they stand.
        fn visit_expr_block_mut(&mut self, expr: &mut ExprBlock) {
            if expr.label.is_none() {
                visit_mut::visit_expr_block_mut(self, expr);
            }
        }
        fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}
        fn visit_expr_async_mut(&mut self, _: &mut ExprAsync) {}
        fn visit_item_mut(&mut self, _: &mut Item) {}
    }
    if !mentions(body.stream(), &|word| word == "break" || word == "continue") {
        return false;
    }
    let Ok(mut block) = syn::parse2::<Block>(body.to_token_stream()) else { return false };
    let mut find = Find { loops: 0, found: false };
    find.visit_block_mut(&mut block);
    find.found
}

/// Whose a `return` is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Body,
    /// The body's, in what a macro is given.
    Given,
    /// That of a closure or of an `async` block.
    Inner,
}

/// Where in a closure the tokens are.
#[derive(PartialEq, Eq)]
enum Closure {
    Outside,
    Parameters,
    /// To the next `,` or `;`.
    Body,
}

struct Found {
    gives_value: bool,
    returns: bool,
    /// Whether there is a `fn`: an item, or a type.
    functions: bool,
    hidden: bool,
}

impl Found {
    /// The same tokens with a `break` out of the labelled block for each `return` that is the body's.
    fn breaking(&mut self, group: &Group, whose: Whose) -> Group {
        let mut out = TokenStream::new();
        let mut tokens = group.stream().into_iter().peekable();
        let mut before = None;
        let mut closure = Closure::Outside;
        // Whether the next group is what a macro is given, or an `async` block.
        let (mut given, mut asynchronous) = (false, false);
        while let Some(token) = tokens.next() {
            let inner = whose == Whose::Inner || closure != Closure::Outside;
            let now = Before::of(&token, before.as_ref());
            let mut replaced = None;
            match &token {
                TokenTree::Group(group) => {
                    let whose = match whose {
                        _ if inner || asynchronous => Whose::Inner,
                        Whose::Body if given => Whose::Given,
                        whose => whose,
                    };
                    replaced = Some(TokenTree::Group(self.breaking(group, whose)).into());
                    (given, asynchronous) = (false, false);
                }
                TokenTree::Ident(word) if word == "return" && whose != Whose::Inner => {
                    self.returns = true;
                    self.hidden |= inner || whose == Whose::Given || !is_expected(tokens.peek(), self.gives_value);
                    let (end, label) = (Ident::new("break", word.span()), label(word.span()));
                    replaced = Some(quote!(#end #label));
                }
                TokenTree::Ident(word) if word == "async" => asynchronous = true,
                TokenTree::Ident(word) if word == "move" => {}
                TokenTree::Ident(word) if word == "fn" => self.functions = true,
                TokenTree::Punct(punct) => match punct.as_char() {
                    '|' if closure == Closure::Parameters => closure = Closure::Body,
                    '|' if begins_closure(before.as_ref())
                        || closure == Closure::Body && before == Some(Before::Bar) =>
                    {
                        closure = Closure::Parameters;
                        asynchronous = false;
                    }
                    ',' | ';' if closure == Closure::Body => closure = Closure::Outside,
                    // The arm of a `match` whose pattern begins with `|`: it was no closure.
                    '>' if now == Before::Arrow => self.hidden |= closure != Closure::Outside,
                    '?' if !inner => self.hidden = true,
                    '!' if !inner => {
                        if let (Some(Before::Word(name)), Some(TokenTree::Group(_) | TokenTree::Ident(_))) =
                            (&before, tokens.peek())
                            && !is_keyword(name)
                        {
                            given = true;
                            self.hidden |= !never_returns(name);
                        }
                    }
                    _ => {}
                },
                _ => asynchronous = false,
            }
            before = Some(now);
            match replaced {
                Some(replaced) => out.extend::<TokenStream>(replaced),
                None => out.extend([token]),
            }
        }
        self.hidden |= closure == Closure::Parameters;
        let mut new = Group::new(group.delimiter(), out);
        new.set_span(group.span());
        new
    }
}

/// What stands before a token.
#[derive(PartialEq)]
enum Before {
    Word(Ident),
    /// A literal or a group.
    Operand,
    Bar,
    /// A `=` that the next sign belongs to.
    Equals,
    /// `=>`.
    Arrow,
    Sign(char),
}

impl Before {
    /// The token behind `before`, as what stands before the next.
    fn of(token: &TokenTree, before: Option<&Before>) -> Self {
        match token {
            TokenTree::Ident(word) => Before::Word(word.clone()),
            TokenTree::Literal(_) | TokenTree::Group(_) => Before::Operand,
            TokenTree::Punct(punct) => match (punct.as_char(), punct.spacing()) {
                ('|', _) => Before::Bar,
                ('=', Spacing::Joint) => Before::Equals,
                ('>', _) if before == Some(&Before::Equals) => Before::Arrow,
                (sign, _) => Before::Sign(sign),
            },
        }
    }
}

/// Whether what follows a `return` is a value or none, as it should be.
fn is_expected(next: Option<&TokenTree>, gives_value: bool) -> bool {
    match next {
        // A label: it could not stand behind that of a `break`. A path that begins with `::`: syn 2 takes a label
        // before it for that of a block.
        Some(TokenTree::Punct(punct)) if "':".contains(punct.as_char()) => false,
        Some(TokenTree::Punct(punct)) if ",;".contains(punct.as_char()) => !gives_value,
        None => !gives_value,
        Some(_) => true,
    }
}

/// Whether a `|` behind this begins a closure; else it stands between two operands, or two patterns.
fn begins_closure(before: Option<&Before>) -> bool {
    match before {
        // `let | A | B = ..` is a pattern.
        Some(Before::Word(word)) => is_keyword(word) && word != "let",
        // `a? | b`, `Vec::<u8>::MAX | b`, and the second half of an operator.
        Some(Before::Operand | Before::Bar | Before::Sign('?' | '>')) => false,
        Some(Before::Equals | Before::Arrow | Before::Sign(_)) | None => true,
    }
}

fn is_keyword(word: &Ident) -> bool {
    const KEYWORDS: [&str; 14] =
        ["as", "async", "break", "else", "if", "in", "let", "match", "move", "mut", "ref", "return", "static", "while"];
    KEYWORDS.iter().any(|keyword| word == keyword)
}

/// Whether a macro is one of those known to everybody, which end no function of their caller's.
fn never_returns(name: &Ident) -> bool {
    const KNOWN: [&str; 41] = [
        "assert",
        "assert_eq",
        "assert_ne",
        "cfg",
        "column",
        "concat",
        "dbg",
        "debug",
        "debug_assert",
        "debug_assert_eq",
        "debug_assert_ne",
        "env",
        "eprint",
        "eprintln",
        "error",
        "event",
        "file",
        "format",
        "format_args",
        "include_bytes",
        "include_str",
        "info",
        "json",
        "line",
        "log",
        "matches",
        "module_path",
        "option_env",
        "panic",
        "print",
        "println",
        "stringify",
        "timer",
        "todo",
        "trace",
        "unimplemented",
        "unreachable",
        "vec",
        "warn",
        "write",
        "writeln",
    ];
    KNOWN.iter().any(|known| name == known)
}

fn label(place: Span) -> Lifetime {
    Lifetime::new("'body", Span::mixed_site().located_at(place))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    use super::*;

    fn body(text: &str) -> Group {
        syn::parse_str(text).expect("a body")
    }

    fn block_of(text: &str, gives_value: bool) -> Option<String> {
        block(&body(text), gives_value, &quote!(never())).map(|block| block.to_string())
    }

    #[test]
    fn a_body_without_an_exit_is_its_own_block() {
        for text in [
            "{ Ok(text.parse().map_err(|error| Some(Error::from(error)?))) }",
            "{ println!(\"{}\", text); Ok(numbers.iter().map(|n| n + 1).sum()) }",
            "{ let a = async { b.await? }.await; a }",
            "{ if a || b && !(c) { d() } 3 }",
        ] {
            assert_eq!(block_of(text, true), Some(inner(&body(text)).to_string()));
        }
    }

    #[test]
    fn a_lone_expression_gets_company_and_nothing_else_does() {
        for (text, expected) in [
            ("{ 3 }", "{ (); 3 }"),
            ("{ println!() }", "{ (); println!() }"),
            ("{ { 3 } }", "{ (); { 3 } }"),
            ("{}", "{}"),
            ("{ work(); }", "{ work(); }"),
            ("{ let a = 3; a }", "{ let a = 3; a }"),
        ] {
            assert_eq!(inner(&body(text)).to_string(), body(expected).to_string());
        }
    }

    #[test]
    fn a_body_that_may_never_end_is_seen_to_end() {
        for text in [
            "{ panic!() }",
            "{ loop {} }",
            "{ exit(1) }",
            "{ serve(); }",
            "{ match a { A | B => vec![1], C => tracing::info!(\"{a}\") } }",
        ] {
            let inner = inner(&body(text));
            let expected: TokenStream =
                format!("'body: {{ if false {{ break 'body (never()); }} {inner} }}").parse().expect("tokens");
            assert_eq!(block_of(text, false), Some(expected.to_string()));
        }
    }

    #[test]
    fn a_return_breaks_out_of_the_block() {
        let text = "{ for a in b { if a > 3 || c { return Err(a); } } match d { E => return Ok(1), F => g } }";
        let expected = "'body : { for a in b { if a > 3 || c { break 'body Err(a) ; } } match d { E => break 'body Ok(1) , F => g } }";
        let (found, expected): (TokenStream, TokenStream) =
            (block(&body(text), true, &quote!(never())).expect("a block"), expected.parse().expect("tokens"));
        assert_eq!(found.to_string(), expected.to_string());
        assert_eq!(
            block_of("{ if a { return; } b(); }", false).as_deref(),
            Some("'body : { if a { break 'body ; } b () ; }")
        );
    }

    #[test]
    fn what_leaves_unseen_leaves_no_block() {
        for text in [
            "{ Ok(text.parse()?) }",
            "{ println!(\"{}\", text?); Ok(3) }",
            "{ bail!(a) }",
            "{ let a = ours::ensure! { b }; Ok(a) }",
            "{ println!(\"{}\", return Ok(3)); }",
            "{ fn a() -> u8 { return 3; } Ok(a()) }",
            "{ macro_rules! a { () => { return Ok(3) } } a!() }",
            "{ match a { | B | C => return Ok(3), D => Ok(4) } }",
            "{ match a { | B => return Ok(3), D => Ok(4) } }",
            "{ match a { D => Ok(4), | B => return Ok(3) } }",
            "{ let a = move |b, c| return b; Ok(5) }",
            "{ return; }",
            "{ return 'a: { break 'a Ok(3) } }",
            "{ if a { return ::core::result::Result::Ok(3); } Ok(4) }",
        ] {
            assert_eq!(block_of(text, true), None, "{text}");
        }
    }

    #[test]
    fn a_return_of_a_closure_stays_one() {
        for inner in [
            "let a = |b| { return b; };",
            "let a = move |b, c| { return b; };",
            "let a = |b| |c, d| { return b; };",
            "let a = match b { C => |d| { return d; }, E => |d| d };",
            "a(|| { return 3; }, 4);",
            "a(async |b| { return b; });",
            "let a = async |b| b;",
            "let a = async { return 3; };",
            "let a = async move { return 3; };",
            "let a = b.map_err(|error| { ours!(error)?; return 3; });",
        ] {
            assert_eq!(
                block_of(&format!("{{ {inner} Ok(5) }}"), true),
                Some(body(&format!("{{ {inner} Ok(5) }}")).to_string())
            );
            let (text, expected) = (
                format!("{{ {inner} if a || b {{ return Ok(4) }} Ok(5) }}"),
                format!("'body: {{ {inner} if a || b {{ break 'body Ok(4) }} Ok(5) }}"),
            );
            let expected: TokenStream = expected.parse().expect("tokens");
            assert_eq!(block_of(&text, true), Some(expected.to_string()));
        }
        for text in [
            "{ if let | A | B = c { return Ok(3) } Ok(4) }",
            "{ a.await || return Ok(3); Ok(4) }",
            "{ a.await | b.await; return Ok(3) }",
            "{ let c = a > b | d; return Ok(3) }",
            "{ let c: F = async move || b(); return Ok(3) }",
        ] {
            assert!(block_of(text, true).is_some_and(|block| block.contains("break")), "{text}");
        }
    }

    #[test]
    fn a_closure_or_a_block_lends_unless_it_is_moved_into() {
        for (text, expected) in [
            ("spawn(|| a.len())", true),
            ("let b = |c| a + c;", true),
            ("async { a.len() }", true),
            ("spawn(move || a.len())", false),
            ("async move { a.len() }", false),
            ("a || b | c", false),
            ("match a { B | C => d? | e }", false),
        ] {
            assert_eq!(lends(text.parse().expect("tokens")), expected, "{text}");
        }
    }

    #[test]
    fn a_break_needs_a_loop() {
        for (text, expected) in [
            ("{ break; }", true),
            ("{ for a in b { c(); } continue; }", true),
            ("{ if a { break } else { 3 } }", true),
            ("{ loop { if a { break; } } }", false),
            ("{ while a { for b in c { continue; } break; } }", false),
            ("{ 'a: { break 'a; } }", false),
            ("{ a(|| { break; }) }", false),
        ] {
            assert_eq!(breaks_nothing(&body(text)), expected, "{text}");
        }
    }

    /// The ways out of a function that a parser sees: each `return` and each `?` that is no closure's.
    #[derive(Default)]
    struct Exits {
        returns: usize,
        questions: usize,
    }

    impl VisitMut for Exits {
        fn visit_expr_return_mut(&mut self, expr: &mut syn::ExprReturn) {
            self.returns += 1;
            visit_mut::visit_expr_return_mut(self, expr);
        }

        fn visit_expr_try_mut(&mut self, expr: &mut syn::ExprTry) {
            self.questions += 1;
            visit_mut::visit_expr_try_mut(self, expr);
        }

        fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}
        fn visit_expr_async_mut(&mut self, _: &mut ExprAsync) {}
        fn visit_item_mut(&mut self, _: &mut Item) {}
    }

    /// Each body of a file.
    #[derive(Default)]
    struct Bodies(Vec<(bool, Block)>);

    impl Bodies {
        fn add(&mut self, signature: &syn::Signature, block: &Block) {
            self.0.push((matches!(signature.output, syn::ReturnType::Type(..)), block.clone()));
        }
    }

    impl VisitMut for Bodies {
        fn visit_item_fn_mut(&mut self, function: &mut syn::ItemFn) {
            self.add(&function.sig, &function.block);
            visit_mut::visit_item_fn_mut(self, function);
        }

        fn visit_impl_item_fn_mut(&mut self, function: &mut syn::ImplItemFn) {
            self.add(&function.sig, &function.block);
            visit_mut::visit_impl_item_fn_mut(self, function);
        }
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !["target", "expansions", ".build"].iter().any(|name| path.ends_with(name)) {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// How often `break 'body` stands there, but for that with `never`.
    fn breaks(tokens: TokenStream) -> usize {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let word = |at: usize, name: &str| matches!(tokens.get(at), Some(TokenTree::Ident(word)) if word == name);
        (0..tokens.len())
            .map(|at| match &tokens[at] {
                TokenTree::Group(group) => breaks(group.stream()),
                _ => {
                    let ours = tokens.get(at + 3).is_some_and(|token| token.to_string() == "(never ())");
                    usize::from(word(at, "break") && word(at + 2, "body") && !ours)
                }
            })
            .sum()
    }

    /// `SOURCES=folder` looks at what is there too.
    #[test]
    fn a_block_breaks_out_wherever_a_parser_sees_a_return() {
        let mut files = Vec::new();
        sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")), &mut files);
        if let Some(folder) = env::var_os("SOURCES") {
            sources(Path::new(&folder), &mut files);
        }
        let (mut bodies, mut blocks, mut with_returns) = (0, 0, 0);
        for file in files {
            let Ok(source) = fs::read_to_string(&file) else { continue };
            let Ok(mut parsed) = syn::parse_file(&source) else { continue };
            let mut found = Bodies::default();
            found.visit_file_mut(&mut parsed);
            for (gives_value, mut body) in found.0 {
                bodies += 1;
                let text = body.to_token_stream().to_string();
                let group: Group = syn::parse2(body.to_token_stream()).expect("braces");
                let Some(block) = block(&group, gives_value, &quote!(never())) else { continue };
                blocks += 1;
                let mut exits = Exits::default();
                exits.visit_block_mut(&mut body);
                assert_eq!(breaks(block) - breaks(group.stream()), exits.returns, "{}: {text}", file.display());
                assert_eq!(exits.questions, 0, "{}: {text}", file.display());
                with_returns += usize::from(exits.returns > 0);
            }
        }
        println!("of {bodies} bodies {blocks} may stay where they are, {with_returns} with a `return`");
        assert!(with_returns > 50 && blocks > 1000, "too few to say anything: {blocks}, {with_returns}");
    }
}
