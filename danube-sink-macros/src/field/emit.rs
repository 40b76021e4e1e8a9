//! Code from [`CheckedSetting`].

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;

use super::model::CheckedSetting;

/// The name of the constant that describes a setting.
pub(crate) fn key_name(index: usize) -> Ident {
    format_ident!("__KEY_{index}")
}

/// `const __KEY_0: Key<…> = …;`
pub(crate) fn key_constant(index: usize, setting: &CheckedSetting) -> TokenStream {
    let CheckedSetting { ty, key, help, default, optional, secret_env } = setting;
    let name = key_name(index);
    let (kind, make) =
        if secret_env.is_some() { (quote!(SecretKey), quote!(secret_key)) } else { (quote!(Key), quote!(key)) };
    let default = option(default.as_ref());
    let secret_env = option(secret_env.as_ref());
    quote! {
        const #name: ::danube_sink::__private::#kind<#ty> =
            ::danube_sink::__private::#make::<#ty>(::danube_sink::__private::SettingInfo {
                help: #help,
                default: #default,
                optional: #optional,
                secret_env: #secret_env,
                ..::danube_sink::__private::SettingInfo::new(#key)
            });
    }
}

/// `Some("…")` or `None`.
pub(crate) fn option(text: Option<&String>) -> TokenStream {
    match text {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option::Option::None),
    }
}
