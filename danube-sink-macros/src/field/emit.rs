//! Code from [`CheckedSetting`].

use proc_macro2::TokenStream;
use quote::quote;

use super::model::CheckedSetting;

/// `SettingInfo { … }`.
pub(crate) fn info(setting: &CheckedSetting) -> TokenStream {
    let CheckedSetting { key, help, default, optional, secret_env } = setting;
    let default = option(default.as_ref());
    let secret_env = option(secret_env.as_ref());
    quote! {
        ::danube_sink::__private::SettingInfo {
            key: #key,
            help: #help,
            default: #default,
            optional: #optional,
            secret_env: #secret_env,
        }
    }
}

/// `Some("…")` or `None`.
pub(crate) fn option(text: Option<&String>) -> TokenStream {
    match text {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option::Option::None),
    }
}
