//! `#[derive(TopicMapping)]`.

mod check;
mod emit;
mod model;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::diagnostics::Diagnostics;

pub(crate) fn expand(item: &DeriveInput) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    match check::check(item, &mut diagnostics) {
        Some(checked) if diagnostics.is_empty() => emit::emit(&checked),
        _ => emit::stub(item, diagnostics),
    }
}
