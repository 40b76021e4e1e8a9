//! `#[sink_connector]` on a struct.

mod check;
mod emit;
mod fallback;
pub(crate) mod model;
mod syntax;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemStruct;

use crate::{diagnostics::Diagnostics, file};

pub(crate) fn expand(arguments: TokenStream, item: ItemStruct) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let raw = syntax::read(arguments, item, &mut diagnostics);
    let stub = fallback::Stub::of(&raw);
    match check::check(raw, &mut diagnostics) {
        Some(checked) if diagnostics.is_empty() => {
            let code = emit::emit(&checked);
            let file = file::expand(&checked);
            quote!(#code #file)
        }
        _ => stub.emit(diagnostics),
    }
}
