//! Tokens → [`RawImpl`].

use proc_macro2::TokenStream;
use syn::{ImplItem, ItemImpl};

use super::model::{RawImpl, RawMethod};
use crate::diagnostics::Diagnostics;

pub(crate) fn read(arguments: TokenStream, item: ItemImpl, diagnostics: &mut Diagnostics) -> RawImpl {
    if !arguments.is_empty() {
        diagnostics.push(
            arguments,
            "`#[sink_connector]` takes no arguments on an impl",
            "move them to the `#[sink_connector]` of the struct",
        );
    }
    let is_async_trait = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "async_trait");
    RawImpl {
        methods: item
            .items
            .iter()
            .filter_map(|item| match item {
                ImplItem::Fn(method) => Some(RawMethod { name: method.sig.ident.clone(), whole: method.clone() }),
                _ => None,
            })
            .collect(),
        has_async_trait: item.attrs.iter().any(|attribute| is_async_trait(attribute.path())),
        item,
    }
}
