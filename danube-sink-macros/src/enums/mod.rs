//! `#[derive(Setting)]` on an enum: each variant is a word.

mod check;
mod emit;
mod model;

use proc_macro2::TokenStream;
use syn::{DataEnum, DeriveInput};

use crate::{diagnostics::Diagnostics, table};

pub(crate) fn expand(item: &DeriveInput, data: &DataEnum) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let checked = check::check(item, data, &mut diagnostics);
    if diagnostics.is_empty() {
        emit::emit(&checked)
    } else {
        table::stub(item, table::Kind::Setting, &[], diagnostics)
    }
}
