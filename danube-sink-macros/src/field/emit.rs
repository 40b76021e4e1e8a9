//! Code from [`CheckedSetting`]. It stands in a block in which `__sink` is what `danube-sink` keeps for generated code.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Path, ext::IdentExt, spanned::Spanned};

use super::{
    constraint,
    literal::{Literal, value_tokens},
    model::CheckedSetting,
    syntax::without_self,
};

/// The name of the constant that declares the key of a field.
pub(crate) fn key_name(field: &Ident) -> Ident {
    format_ident!("__KEY_{}", field.unraw().to_string().to_uppercase())
}

/// The name of the variable with the value of a field.
pub(crate) fn value_name(field: &Ident) -> Ident {
    // A name that is neither a keyword nor one of the reader's.
    format_ident!("{}_value", field.unraw(), span = Span::mixed_site())
}

/// `const __KEY_URL: Key<…> = …;`, and the claims on its type that the compiler has to check. `owner` is the struct.
pub(crate) fn key_constant(field: &Ident, setting: &CheckedSetting, owner: &Ident) -> TokenStream {
    let CheckedSetting { ty, key, help, default, optional: _, secret_env, constraints, validate, places: _ } = setting;
    let name = key_name(field);
    let help = (!help.is_empty()).then(|| quote!(doc: #help,));
    let toml = default.as_ref().map(|(default, _)| default.to_toml());
    let literal = toml.map(|literal| quote!(default: __sink::KeyDefault::Literal(#literal),));
    let secret = secret_env.as_ref().map(|name| quote!(source: __sink::ValueSource::Secret(__sink::Some(#name)),));
    let spec = quote!(__sink::KeySpec::new(#key));
    let spec = if help.is_none() && literal.is_none() && secret.is_none() {
        spec
    } else {
        quote!(__sink::KeySpec { #help #literal #secret ..#spec })
    };
    let check = validate.as_ref().map(|_| check(setting, owner));
    let secret_claim = quote_spanned!(ty.span()=> const _: () = __sink::assert_secret(&#name.spec););
    let constraint_claims = constraints.iter().enumerate().map(
        |(number, (_, span))| quote_spanned!(*span=> const _: () = __sink::assert_constraint(#name.invalid, #number);),
    );
    let default_claims = default.as_ref().map(|(default, span)| fits(&quote!(&#name.spec.value_type), default, *span));
    let constraints = constraints.iter().map(|(constraint, _)| constraint::tokens(constraint));
    quote! {
        const #name: __sink::Key<#ty> = __sink::key::<#ty>(#spec) #(.constrained(#constraints))* #check;
        #secret_claim
        #(#constraint_claims)*
        #default_claims
    }
}

/// The struct of its fields, validated as a whole if `validate` names a check. `reader` has converted them.
pub(crate) fn built(reader: &Ident, fields: &[TokenStream], validate: Option<&Path>) -> TokenStream {
    let built = quote!(Self { #(#fields),* });
    let Some(path) = validate else { return quote!(__sink::Some(#built)) };
    let name = Ident::new("built", Span::mixed_site());
    let checked = quote_spanned!(path.span()=> __sink::check(&#name, #path));
    quote! {
        let #name = #built;
        #reader.validated(#checked);
        __sink::Some(#name)
    }
}

/// As [`built`], for a topic mapping, whose check may see its common settings too.
pub(crate) fn built_mapping(
    (reader, settings): (&Ident, &Ident),
    fields: &[TokenStream],
    validate: &Path,
) -> TokenStream {
    let built = quote!(Self { #(#fields),* });
    let name = Ident::new("built", Span::mixed_site());
    let checked = quote_spanned!(validate.span()=> __sink::check_mapping(&#name, #settings, #validate));
    quote! {
        let #name = #built;
        #reader.validated(#checked);
        __sink::Some(#name)
    }
}

/// `.checked(|value| …)`: an `Option` is checked if there is something in it.
fn check(setting: &CheckedSetting, owner: &Ident) -> Option<TokenStream> {
    let path = without_self(setting.validate.clone()?, owner);
    let (ty, value) = (&setting.ty, Ident::new("value", Span::mixed_site()));
    let call = quote_spanned!(path.span()=> __sink::check(#value, #path));
    let call = if setting.optional {
        quote!(match #value {
            __sink::Some(#value) => #call,
            __sink::None => __sink::Ok(()),
        })
    } else {
        call
    };
    Some(quote!(.checked(|#value: &#ty| #call)))
}

/// Claims that a default fits the type, and each of its items the type of the items.
fn fits(value_type: &TokenStream, literal: &Literal, span: Span) -> TokenStream {
    let value = value_tokens(&literal.as_ref());
    let items = match literal {
        Literal::Array(items) => items.as_slice(),
        _ => &[],
    };
    let item = quote!((#value_type).item());
    let items = items.iter().map(|literal| fits(&item, literal, span));
    quote_spanned! {span=>
        const _: () = __sink::assert_default(#value_type, &#value);
        #(#items)*
    }
}

/// `Some("…")` or `None`.
pub(crate) fn option(text: Option<&String>) -> TokenStream {
    match text {
        Some(text) => quote!(__sink::Some(#text)),
        None => quote!(__sink::None),
    }
}
