//! `#[sink_connector]` on `impl SinkConnector for …`.

mod check;
mod emit;
mod model;
mod signature;
mod syntax;

use proc_macro2::TokenStream;
use syn::ItemImpl;

use crate::diagnostics::Diagnostics;

pub(crate) fn expand(arguments: TokenStream, item: ItemImpl) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let raw = syntax::read(arguments, item, &mut diagnostics);
    match check::check(&raw, &mut diagnostics) {
        Some(checked) if diagnostics.is_empty() => emit::emit(&raw, &checked),
        _ => emit::stub(raw, diagnostics),
    }
}
