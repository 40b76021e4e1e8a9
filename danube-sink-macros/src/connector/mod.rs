//! `#[sink_connector]` on a struct, and the error for it on another item.

mod check;
mod emit;
mod fallback;
pub(crate) mod model;
mod syntax;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, ItemStruct};

use crate::{diagnostics::Diagnostics, field::syntax as field, file};

pub(crate) fn expand(arguments: TokenStream, item: ItemStruct) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let raw = syntax::read(arguments, item, &mut diagnostics);
    let stub = fallback::Stub::of(&raw);
    match check::check(raw, &mut diagnostics) {
        Some(checked) if diagnostics.is_empty() => {
            let file::Expanded { sample, checks } = file::expand(&checked);
            let code = emit::emit(&checked, sample);
            quote!(#code #checks)
        }
        // Errors of types show beside those of attributes.
        Some(checked) if checked.item.generics.params.is_empty() => {
            let constants: Vec<_> = emit::key_constants(&checked).collect();
            stub.emit(&constants, diagnostics)
        }
        _ => stub.emit(&[], diagnostics),
    }
}

/// Reports that only a struct can be a connector.
pub(crate) fn refuse(mut item: Item) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let message = "`#[sink_connector]` is for a struct and for its `impl SinkConnector`";
    let help = "put it on `struct … { … }`, whose fields are the settings";
    let stub = match &mut item {
        Item::Enum(item) => {
            diagnostics.push(item.enum_token, message, help);
            field::strip(item.variants.iter_mut().flat_map(|variant| &mut variant.fields));
            fallback::Stub::of_item(item, &item.ident, &item.generics, true)
        }
        Item::Union(item) => {
            diagnostics.push(item.union_token, message, help);
            field::strip(&mut item.fields.named);
            fallback::Stub::of_item(item, &item.ident, &item.generics, true)
        }
        other => {
            diagnostics.push(&*other, message, help);
            let errors = diagnostics.into_tokens();
            return quote!(#other #errors);
        }
    };
    stub.emit(&[], diagnostics)
}
