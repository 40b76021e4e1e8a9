//! `#[derive(TopicMapping)]`, and `#[derive(Setting)]` on a struct: the fields are the keys of one table.

mod check;
mod emit;
mod model;

use proc_macro2::TokenStream;
use syn::DeriveInput;

pub(crate) use self::{emit::stub, model::Kind};
use crate::diagnostics::Diagnostics;

pub(crate) fn expand(item: &DeriveInput, kind: Kind) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    match check::check(item, kind, &mut diagnostics) {
        Some(checked) if diagnostics.is_empty() => emit::emit(&checked),
        // Errors of types show beside those of attributes.
        Some(checked) if item.generics.params.is_empty() => {
            emit::stub(item, kind, &emit::key_constants(&checked).collect::<Vec<_>>(), diagnostics)
        }
        _ => emit::stub(item, kind, &[], diagnostics),
    }
}
