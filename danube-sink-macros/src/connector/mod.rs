//! `#[sink_connector]` on a struct.

mod check;
mod emit;
mod fallback;
mod model;
mod syntax;

use proc_macro2::TokenStream;
use syn::ItemStruct;

use crate::diagnostics::Diagnostics;

pub(crate) fn expand(arguments: TokenStream, item: ItemStruct) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let raw = syntax::read(arguments, item, &mut diagnostics);
    let stub = fallback::Stub::of(&raw);
    match check::check(raw, &mut diagnostics) {
        Some(checked) if diagnostics.is_empty() => emit::emit(&checked),
        _ => stub.emit(diagnostics),
    }
}
