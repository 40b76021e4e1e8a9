//! Code from [`CheckedSetting`]. It stands in a block in which `__sink` is what `danube-sink` keeps for generated code.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Path, spanned::Spanned};

use super::{
    limit,
    literal::{Literal, scalar_tokens},
    model::{CheckedSetting, Claim, Unproven},
    syntax::without_self,
};

/// The name of the constant that describes a setting.
pub(crate) fn key_name(index: usize) -> Ident {
    format_ident!("__KEY_{index}")
}

/// `const __KEY_0: Key<…> = …;`, and what the compiler has to find out about it. `owner` is the struct.
pub(crate) fn key_constant(index: usize, setting: &CheckedSetting, owner: &Ident) -> TokenStream {
    let CheckedSetting { ty, key, help, default, optional: _, secret_env, limits, validate, unproven, places: _ } =
        setting;
    let name = key_name(index);
    let (kind, make) =
        if secret_env.is_some() { (quote!(SecretKey), quote!(secret_key)) } else { (quote!(Key), quote!(key)) };
    let help = (!help.is_empty()).then(|| quote!(help: #help,));
    let default = default.as_ref().map(|default| quote!(default: __sink::Some(#default),));
    let secret_env = secret_env.as_ref().map(|variable| quote!(secret_env: __sink::Some(#variable),));
    let info = quote!(__sink::SettingInfo::new(#key));
    let info = if help.is_none() && default.is_none() && secret_env.is_none() {
        info
    } else {
        quote!(__sink::SettingInfo { #help #default #secret_env ..#info })
    };
    let limits = limits.iter().map(limit::tokens);
    let check = validate.as_ref().map(|_| check(setting, owner));
    let claims = unproven.iter().map(|unproven| claim(&name, unproven));
    quote! {
        const #name: __sink::#kind<#ty> = __sink::#make::<#ty>(#info) #(.limited(#limits))* #check;
        #(#claims)*
    }
}

/// The struct of its fields, checked as a whole if `validate` says how. `reader` has read them.
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

/// A constant that stops the compiler, with the place of the value in the attribute.
fn claim(key: &Ident, unproven: &Unproven) -> TokenStream {
    let span = unproven.span;
    match &unproven.what {
        Claim::Limits => quote_spanned!(span=> const _: () = __sink::limits(#key.refused);),
        Claim::Default(literal) => fits(&quote!(&#key.info.shape), literal, span),
    }
}

fn fits(shape: &TokenStream, literal: &Literal, span: Span) -> TokenStream {
    let scalar = scalar_tokens(&literal.scalar());
    let items = match literal {
        Literal::List(items) => items.as_slice(),
        _ => &[],
    };
    let item = quote!((#shape).item());
    let items = items.iter().map(|literal| fits(&item, literal, span));
    quote_spanned! {span=>
        const _: () = __sink::fits(#shape, &#scalar);
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
