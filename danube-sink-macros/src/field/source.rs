//! `secret` and `env = "…"`: settings of the environment.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Ident;

use super::{
    arguments::Arguments,
    model::{Owner, Source},
};
use crate::diagnostics::Diagnostics;

/// Where the value of a setting comes from, and the place that names the variable. `default_variable` is that of a
/// connector's secret; the loader names those in tables.
pub(super) fn check(
    field: &Ident,
    owner: Owner,
    default_variable: String,
    arguments: &Arguments,
    diagnostics: &mut Diagnostics,
) -> (Source, TokenStream) {
    let secret = arguments.flag("secret", diagnostics).is_some();
    let at_field = field.to_token_stream();
    let named = arguments.string("env", diagnostics);
    if let (false, Owner::Mapping, Some(argument)) = (secret, owner, arguments.get("env")) {
        diagnostics.push(
            &argument.name,
            "a variable has one value, and there may be many topic mappings",
            "remove `env`: mappings are read from the file; or make it a setting of the connector",
        );
        return (Source::File, at_field);
    }
    let (source, place) = match (secret, named) {
        (true, Some(name)) => (Source::Secret(Some(name.value())), name.to_token_stream()),
        (false, Some(name)) => (Source::Variable(name.value()), name.to_token_stream()),
        (true, None) => {
            let is_known = owner == Owner::Connector && arguments.get("env").is_none();
            (Source::Secret(is_known.then_some(default_variable)), at_field)
        }
        (false, None) => (Source::File, at_field),
    };
    if let Source::Variable(name) | Source::Secret(Some(name)) = &source {
        check_name(name, source.is_secret(), &place, diagnostics);
    }
    (source, place)
}

fn check_name(name: &str, secret: bool, place: &TokenStream, diagnostics: &mut Diagnostics) {
    let good = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(good) || name.starts_with(|char: char| char.is_ascii_digit()) {
        diagnostics.push(
            place,
            "not the name of a variable",
            "write `env = \"…\"` in capital letters, digits and `_`, such as `API_TOKEN`",
        );
    } else if secret && name.ends_with("_FILE") {
        diagnostics.push(
            place,
            "a variable that ends in `_FILE` names a file that holds a secret",
            "name it with `env = \"…\"`, without `_FILE`: the connector understands both variables",
        );
    }
}
