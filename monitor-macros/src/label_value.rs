//! `#[derive(LabelValue)]`: an enum whose variants are all the values that a label has.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Expr, Fields, LitStr, Path, Token};

use crate::args::{Errors, runtime_path};

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    match syn::parse2(item).and_then(accept) {
        Ok(tokens) => tokens,
        Err(error) => error.to_compile_error(),
    }
}

fn accept(input: DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let runtime = crate_option(&input.attrs, &mut errors);
    if !input.generics.params.is_empty() {
        errors.at(&input.generics, "the values of a label are known when it is compiled; remove the generics");
    }
    let Data::Enum(data) = &input.data else {
        let (keyword, word) = match &input.data {
            Data::Union(data) => (data.union_token.to_token_stream(), "union"),
            Data::Struct(data) => (data.struct_token.to_token_stream(), "struct"),
            Data::Enum(data) => (data.enum_token.to_token_stream(), "enum"),
        };
        errors.at(keyword, format!("`LabelValue` is derived for an enum without fields; this is a `{word}`"));
        return errors.finish(TokenStream::new());
    };
    if data.variants.is_empty() {
        errors.at(&input.ident, "a label needs at least one value; add a variant");
    }
    let mut texts: Vec<String> = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            errors.at(&variant.fields, "a variant with fields has no single text; remove the fields");
        }
        let (text, place) = match text_option(&variant.attrs, &mut errors) {
            Some(given) => (given.value(), given.span()),
            None => (snake_case(&variant.ident.unraw().to_string()), variant.ident.span()),
        };
        if texts.contains(&text) {
            errors.push(syn::Error::new(
                place,
                format!("two variants read \"{text}\"; rename one with `#[label(\"..\")]`"),
            ));
        }
        texts.push(text);
    }
    let ident = &input.ident;
    let variants = data.variants.iter().map(|variant| &variant.ident);
    errors.finish(quote! {
        impl #runtime::private::LabelValue for #ident {
            const VALUES: ::core::option::Option<&'static [&'static ::core::primitive::str]> =
                ::core::option::Option::Some(&[#(#texts),*]);

            #[inline]
            fn text<'a>(&'a self, _: &'a mut #runtime::private::LabelBuffer) -> &'a ::core::primitive::str {
                match self {
                    #(#ident::#variants => #texts,)*
                }
            }
        }
    })
}

/// `#[label(crate = path)]` on the enum.
fn crate_option(attributes: &[Attribute], errors: &mut Errors) -> TokenStream {
    let mut given = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("label")) {
        let parsed = attribute.parse_args_with(|input: syn::parse::ParseStream<'_>| {
            if !input.peek(Token![crate]) {
                return Err(input.error("an enum takes `#[label(crate = path)]`; a text goes on its variant"));
            }
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            let path: Path = input.parse()?;
            Ok(Expr::Path(syn::ExprPath { attrs: Vec::new(), qself: None, path }))
        });
        given = errors.take(parsed).or(given);
    }
    errors.take(runtime_path(given)).unwrap_or_default()
}

/// `#[label("text")]` on a variant.
fn text_option(attributes: &[Attribute], errors: &mut Errors) -> Option<LitStr> {
    let mut given = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("label")) {
        let parsed = attribute.parse_args::<LitStr>().map_err(|error| {
            syn::Error::new(error.span(), "a variant takes the text that the label reads: `#[label(\"gold\")]`")
        });
        if let Some(text) = errors.take(parsed) {
            if given.is_some() {
                errors.at(attribute, "the text is given twice; remove one");
            }
            given = Some(text);
        }
    }
    given
}

/// `AuthMethod` -> `auth_method`, `HTTPStatus` -> `http_status`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (number, char) in chars.iter().enumerate() {
        let after_lower = number > 0 && !chars[number - 1].is_uppercase() && chars[number - 1] != '_';
        let before_lower = number > 0 && chars.get(number + 1).is_some_and(|next| next.is_lowercase());
        if char.is_uppercase() && number > 0 && (after_lower || before_lower && chars[number - 1] != '_') {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}
