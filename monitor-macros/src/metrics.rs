//! `metrics!`: families as they were written, what of them is accepted, and the name pair that each becomes.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, ExprLit, Lifetime, Lit, LitInt, LitStr, Meta, Path, Token, Type, Visibility, braced, bracketed,
    token,
};

use crate::args::{Errors, Exprs, located, once, skip_to_comma};

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let block = match (|input: ParseStream<'_>| Block::parse(input, &mut errors)).parse2(input) {
        Ok(block) => block,
        Err(error) => {
            errors.push(error);
            return errors.to_compile_error();
        }
    };
    let mut families: Vec<Family> = Vec::new();
    for written in block.families {
        if let Some(family) = accept(written, &mut errors) {
            if let Some(twin) = families.iter().find(|known| known.name.value() == family.name.value()) {
                errors.at(
                    &family.name,
                    format!("`{}` is declared twice, here and as `{}`", family.name.value(), twin.ident),
                );
            }
            families.push(family);
        }
    }
    let runtime = block.krate.map_or_else(|| quote!(::monitor_runtime), ToTokens::into_token_stream);
    let registry = match block.registry {
        None => quote!(#runtime::private::default_registry),
        Some(path) => {
            let reference = located(quote!(&), path.span());
            quote!(|| #reference #path)
        }
    };
    let errors = errors.to_compile_error();
    let families = families.iter().map(|family| family.to_tokens(&runtime, &registry));
    // A family that is well-formed is declared beside the errors of another, so that its uses are no errors too.
    quote!(#errors #(#families)*)
}

/// The block as it was written.
#[derive(Default)]
struct Block {
    registry: Option<Path>,
    krate: Option<Path>,
    families: Vec<Written>,
}

struct Written {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    kind: Kind,
    ident: Ident,
    name: LitStr,
    labels: Vec<WrittenLabel>,
    buckets: Option<(Ident, Exprs)>,
    limit: Option<(Ident, Expr)>,
    growth: Option<(Ident, Expr)>,
}

struct WrittenLabel {
    attributes: Vec<Attribute>,
    name: Ident,
    ty: Type,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Block {
    fn parse(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Self> {
        let mut block = Block::default();
        while !input.is_empty() {
            if input.peek(Token![crate]) && input.peek2(Token![=]) {
                let key = input.call(Ident::parse_any)?;
                input.parse::<Token![=]>()?;
                once(&mut block.krate, &key, input.parse()?, errors);
                input.parse::<Token![;]>()?;
            } else if input.peek(syn::Ident) && input.fork().parse::<Ident>()? == "registry" {
                let key = input.parse::<Ident>()?;
                once(&mut block.registry, &key, input.parse()?, errors);
                input.parse::<Token![;]>()?;
            } else {
                let written = Written::parse(input, errors);
                if let Some(written) = errors.take(written) {
                    block.families.push(written);
                } else {
                    // On to the next declaration.
                    while !input.is_empty() && !input.peek(Token![;]) {
                        input.parse::<TokenTree>()?;
                    }
                    input.parse::<Option<Token![;]>>()?;
                }
            }
        }
        Ok(block)
    }
}

impl Written {
    fn parse(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let word = input.call(Ident::parse_any)?;
        let kind = match word.to_string().as_str() {
            "counter" => Kind::Counter,
            "gauge" => Kind::Gauge,
            "histogram" => Kind::Histogram,
            _ => return Err(syn::Error::new(word.span(), "expected `counter`, `gauge` or `histogram`")),
        };
        let ident = input.parse()?;
        input.parse::<Token![=]>()?;
        if !input.peek(LitStr) {
            return Err(input.error("a metric's name is a string, such as \"user_sessions_total\""));
        }
        let name: LitStr = input.parse()?;
        let labels = if input.peek(token::Brace) {
            let inner;
            braced!(inner in input);
            labels(&inner, errors)?
        } else {
            Vec::new()
        };
        let (mut buckets, mut limit, mut growth) = (None, None, None);
        while !input.peek(Token![;]) {
            if input.is_empty() {
                return Err(syn::Error::new(name.span(), "the declaration of this metric does not end; add `;`"));
            }
            if !input.peek(syn::Ident) {
                return Err(input.error("expected `;`, `buckets [..]`, `limit N` or `growth N`"));
            }
            let word = input.call(Ident::parse_any)?;
            match word.to_string().as_str() {
                "buckets" => {
                    let inner;
                    bracketed!(inner in input);
                    let bounds = Exprs::parse_terminated(&inner)?;
                    once(&mut buckets, &word, (word.clone(), bounds), errors);
                }
                "limit" => {
                    let value = input.parse()?;
                    once(&mut limit, &word, (word.clone(), value), errors);
                }
                "growth" => {
                    let value = input.parse()?;
                    once(&mut growth, &word, (word.clone(), value), errors);
                }
                _ => return Err(syn::Error::new(word.span(), "expected `;`, `buckets [..]`, `limit N` or `growth N`")),
            }
        }
        input.parse::<Token![;]>()?;
        Ok(Written { attributes, visibility, kind, ident, name, labels, buckets, limit, growth })
    }
}

/// Parses the labels of one family, going on after a mistake at the next comma.
fn labels(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<WrittenLabel>> {
    let mut labels = Vec::new();
    while !input.is_empty() {
        let label = input.parse();
        match errors.take(label) {
            Some(label) => labels.push(label),
            None => skip_to_comma(input),
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(labels)
}

impl Parse for WrittenLabel {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let mut words = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![:]) && !input.peek(Token![,]) {
            words.extend([input.parse::<TokenTree>()?]);
        }
        if words.is_empty() {
            return Err(input.error("a label has a name, such as `method: bool`"));
        }
        let Ok(name) = Ident::parse_any.parse2(words.clone()) else {
            let text = words.to_string().replace(' ', "");
            return Err(syn::Error::new_spanned(words, no_label_name(&text)));
        };
        if !input.peek(Token![:]) {
            return Err(syn::Error::new_spanned(&name, format!("a label has a type, such as `{name}: &'static str`")));
        }
        input.parse::<Token![:]>()?;
        Ok(WrittenLabel { attributes, name, ty: input.parse()? })
    }
}

/// A family that is accepted.
struct Family {
    help: String,
    attributes: Vec<Attribute>,
    visibility: Visibility,
    kind: Kind,
    ident: Ident,
    name: LitStr,
    labels: Vec<Label>,
    buckets: Option<Vec<Expr>>,
    limit: Option<LitInt>,
    growth: Option<LitInt>,
}

struct Label {
    name: Ident,
    ty: Type,
    max: Option<LitInt>,
    /// Its values name users.
    user: bool,
}

fn accept(written: Written, errors: &mut Errors) -> Option<Family> {
    let Written { attributes, visibility, kind, ident, name, labels, buckets, limit, growth } = written;
    let (docs, attributes): (Vec<_>, Vec<_>) =
        attributes.into_iter().partition(|attribute| attribute.path().is_ident("doc"));
    let help = help(&docs);
    if help.is_empty() {
        errors.at(&ident, format!("`{ident}` needs a doc comment; it becomes the metric's HELP"));
    }
    check_name(kind, &name, errors);
    let mut accepted: Vec<Label> = Vec::new();
    for label in labels {
        if accepted.iter().any(|known| known.name.unraw() == label.name.unraw()) {
            errors.at(&label.name, format!("the label `{}` is given twice; remove one", label.name.unraw()));
        } else {
            accepted.extend(accept_label(label, errors));
        }
    }
    let labels = accepted;
    let buckets = buckets.map(|(word, bounds)| {
        if kind != Kind::Histogram {
            errors.at(&word, "only a histogram has buckets; remove them");
        }
        check_buckets(&word, &bounds, errors);
        bounds.into_iter().collect()
    });
    let limit = limit.and_then(|(_, limit)| bounded(limit, 1_000_000, "a family's limit", errors));
    let growth =
        growth.and_then(|(_, growth)| bounded(growth, 1_000_000, "a family's growth, in series a second,", errors));
    Some(Family { help, attributes, visibility, kind, ident, name, labels, buckets, limit, growth })
}

/// The doc comment in one line.
fn help(docs: &[Attribute]) -> String {
    let texts = docs.iter().filter_map(|doc| match &doc.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let mut parts: Vec<String> = Vec::new();
    for text in texts {
        // In a block of several lines each may begin with a star.
        let star = if text.contains('\n') { "*" } else { "" };
        let lines = text.lines().map(|line| {
            let line = line.trim();
            line.strip_prefix(star).unwrap_or(line).trim()
        });
        parts.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
    }
    parts.join(" ")
}

fn check_name(kind: Kind, name: &LitStr, errors: &mut Errors) {
    const RESERVED: [&str; 5] = ["_bucket", "_count", "_sum", "_created", "_info"];
    let text = name.value();
    if !is_name(&text) {
        errors.at(
            name,
            format!("{text:?} is no metric name; use letters, digits and `_`, and begin with a letter or `_`"),
        );
        return;
    }
    if text.starts_with("__") {
        errors.at(name, "names that begin with `__` are Prometheus's own; begin with a letter");
    }
    match (kind, text.ends_with("_total")) {
        (Kind::Counter, false) => errors.at(name, format!("a counter's name ends in `_total`: \"{text}_total\"")),
        (Kind::Gauge | Kind::Histogram, true) => {
            errors.at(name, "only a counter's name ends in `_total`; remove it, or make this a counter");
        }
        _ => {}
    }
    if let Some(suffix) = RESERVED.iter().find(|suffix| text.ends_with(**suffix)) {
        errors.at(name, format!("names that end in `{suffix}` belong to the samples of other metrics; choose another"));
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}

fn no_label_name(text: &str) -> String {
    format!("`{text}` is no label name; use ASCII letters, digits and `_`, and begin with a letter")
}

fn accept_label(label: WrittenLabel, errors: &mut Errors) -> Option<Label> {
    let WrittenLabel { attributes, name, ty } = label;
    let text = name.unraw().to_string();
    if !is_name(&text) {
        errors.at(&name, no_label_name(&text));
    } else if text.starts_with("__") {
        errors.at(&name, "label names that begin with `__` are Prometheus's own; begin with a letter");
    } else if text == "le" || text == "quantile" {
        errors.at(&name, format!("the label `{text}` belongs to the samples of histograms and summaries; rename it"));
    }
    let (mut max, mut user) = (None, None);
    for attribute in &attributes {
        if !attribute.path().is_ident("label") {
            errors.at(attribute, "a label takes `#[label(max = N)]`, `#[label(user)]` and no other attribute");
            continue;
        }
        let parsed = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("user") {
                let key = meta.path.require_ident()?;
                once(&mut user, key, key.clone(), errors);
                return Ok(());
            }
            if !meta.path.is_ident("max") {
                return Err(meta.error("unknown option; a label takes `max = N` or `user`"));
            }
            let key = meta.path.require_ident()?;
            let value: Expr = meta.value()?.parse()?;
            once(&mut max, key, value, errors);
            Ok(())
        });
        errors.take(parsed);
    }
    if let (Some(user), Some(_)) = (&user, &max) {
        errors.at(user, "`user` bounds the label by the policy for users, `UserLabel`; remove it or `max`");
    }
    // A label whose bound is wrong has one mistake, not two.
    let meant_bounded = !attributes.is_empty();
    let max = max.and_then(|max| bounded(max, 1_000_000, "a label's `max`", errors));
    let unbounded = match &ty {
        Type::Reference(reference) => {
            is_path(&reference.elem, "str")
                && reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static")
        }
        other if is_path(other, "String") => {
            errors.at(&ty, "a label borrows its value; use `&str` with `#[label(max = N)]`");
            return None;
        }
        _ => false,
    };
    match (unbounded, &max) {
        (true, None) if !meant_bounded => {
            errors.at(
                &ty,
                "a label of any string needs a bound; add `#[label(max = 50)]`, for who a user is `#[label(user)]`, or use `&'static str` or an enum",
            );
        }
        (false, Some(max)) if !matches!(ty, Type::Path(_)) && !is_static_str(&ty) => {
            errors.at(max, "`max` bounds a label whose values are not known; remove it");
        }
        _ => {}
    }
    Some(Label { name, ty, max, user: user.is_some() })
}

fn is_static_str(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference) if is_path(&reference.elem, "str"))
}

fn is_path(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.qself.is_none() && path.path.segments.last().is_some_and(|last| last.ident == name))
}

fn bounded(value: Expr, most: u32, what: &str, errors: &mut Errors) -> Option<LitInt> {
    if let Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) = &value
        && number.base10_parse::<u32>().is_ok_and(|number| (1..=most).contains(&number))
    {
        return Some(number.clone());
    }
    errors.at(&value, format!("{what} is a whole number from 1 to {most}"));
    None
}

fn check_buckets(word: &Ident, bounds: &Exprs, errors: &mut Errors) {
    const MOST: usize = 200;
    if bounds.is_empty() {
        errors.at(word, "a histogram needs at least one bucket; name some, or remove `buckets` for the default ones");
    }
    if bounds.len() > MOST {
        errors.at(word, format!("at most {MOST} buckets"));
    }
    let mut before: Option<f64> = None;
    for bound in bounds {
        let Some(value) = number(bound) else {
            errors.at(bound, "a bucket's bound is a finite number, such as 0.25; `+Inf` is added by itself");
            continue;
        };
        if before.is_some_and(|before| value <= before) {
            errors.at(bound, "buckets rise: this bound is not above the one before it");
        }
        before = Some(value);
    }
}

fn number(expr: &Expr) -> Option<f64> {
    let value = match expr {
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_parse::<f64>().ok()?,
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse::<u64>().ok()? as f64,
        Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => -number(&unary.expr)?,
        Expr::Group(group) => number(&group.expr)?,
        _ => return None,
    };
    value.is_finite().then_some(value)
}

impl Family {
    fn to_tokens(&self, runtime: &TokenStream, registry: &TokenStream) -> TokenStream {
        let Family { help, attributes, visibility, ident, name, .. } = self;
        let private = quote!(#runtime::private);
        let kind = match self.kind {
            Kind::Counter => format_ident!("Counter"),
            Kind::Gauge => format_ident!("Gauge"),
            Kind::Histogram => format_ident!("Histogram"),
        };
        // The type's name is ours to the lints (it is no camel case), and the user's to the resolver.
        let mut set = ident.clone();
        set.set_span(Span::mixed_site().located_at(ident.span()));
        let borrowed = self.labels.iter().any(|label| self.lifetime(label).is_some());
        let (generics, of_static) = if borrowed { (quote!(<'label>), quote!(<'static>)) } else { (quote!(), quote!()) };
        let fields = self.labels.iter().map(|label| {
            let (name, ty) = (&label.name, self.field_type(label));
            let doc = format!("The label `{}`.", name.unraw());
            quote!(#[doc = #doc] #visibility #name: #ty)
        });
        let texts = self.labels.iter().map(|label| {
            let name = &label.name;
            // Blamed on the declared type when that type cannot be a label.
            let value = located(quote!(&self.), label.ty.span());
            let text = located(quote!(#private::LabelValue::text), label.ty.span());
            let text = quote!(#text(#value #name, &mut #private::LabelBuffer::new()));
            if label.user { quote!(#private::user(#text)) } else { text }
        });
        let declared = self.labels.iter().map(|label| {
            let text = label.name.unraw().to_string();
            let ty = self.static_type(label);
            let max = match &label.max {
                Some(max) => quote!(::core::option::Option::Some(#max)),
                None => quote!(::core::option::Option::None),
            };
            let values = located(quote!(<#ty as #private::LabelValue>::VALUES), label.ty.span());
            let user = label.user;
            quote!(#private::Label { name: #text, values: #values, max: #max, user: #user })
        });
        let bounds = match (self.kind, &self.buckets) {
            (Kind::Histogram, None) => quote!(#private::DEFAULT_BUCKETS),
            (Kind::Histogram, Some(bounds)) => {
                let bounds = bounds.iter().map(|bound| number(bound).unwrap_or_default());
                quote!(&[#(#bounds),*])
            }
            _ => quote!(&[]),
        };
        let limit = match &self.limit {
            Some(limit) => limit.to_token_stream(),
            None => quote!(#private::DEFAULT_LIMIT),
        };
        let growth = match &self.growth {
            Some(growth) => growth.to_token_stream(),
            None => quote!(#private::DEFAULT_GROWTH),
        };
        let none = self.labels.is_empty().then(|| {
            quote! {
                impl #private::NoLabels for #set {
                    const NONE: Self = #set {};
                }
            }
        });
        let conditions: Vec<_> = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
        let shown = format!("{help}\n\n`{}`", name.value());
        quote! {
            #(#conditions)*
            #[doc = #shown]
            #visibility struct #set #generics { #(#fields),* }

            #(#conditions)*
            const _: () = {
                impl #generics #private::LabelSet for #set #generics {
                    #[inline]
                    fn with_texts(&self, visit: &mut dyn ::core::ops::FnMut(&[&::core::primitive::str])) {
                        visit(&[#(#texts),*])
                    }
                }
                #none
                #private::inventory::submit! { #private::Declared(#ident.family()) }
            };

            #(#attributes)*
            #[doc = #shown]
            #visibility static #ident: #private::#kind<#set #of_static> = #private::#kind::declare(#private::Declaration {
                name: #name,
                help: #help,
                labels: &[#(#declared),*],
                bounds: #bounds,
                limit: #limit,
                growth: #growth,
                place: #private::Place { file: ::core::file!(), line: ::core::line!() },
                registry: #registry,
            });
        }
    }

    /// `&str` without a lifetime borrows for as long as the set does.
    fn lifetime(&self, label: &Label) -> Option<Lifetime> {
        match &label.ty {
            Type::Reference(reference)
                if reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static") =>
            {
                Some(Lifetime::new("'label", Span::mixed_site()))
            }
            _ => None,
        }
    }

    fn field_type(&self, label: &Label) -> Type {
        self.with_lifetime(label, self.lifetime(label))
    }

    fn static_type(&self, label: &Label) -> Type {
        let lifetime = self.lifetime(label).map(|_| Lifetime::new("'static", Span::mixed_site()));
        self.with_lifetime(label, lifetime)
    }

    fn with_lifetime(&self, label: &Label, lifetime: Option<Lifetime>) -> Type {
        match (label.ty.clone(), lifetime) {
            (Type::Reference(mut reference), Some(lifetime)) => {
                reference.lifetime = Some(lifetime);
                Type::Reference(reference)
            }
            (ty, _) => ty,
        }
    }
}
