//! Tokens → [`RawConnector`].

use proc_macro2::TokenStream;
use syn::ItemStruct;

use super::model::RawConnector;
use crate::{
    diagnostics::Diagnostics,
    field::{arguments::Arguments, syntax as field},
};

const ARGUMENTS: [&str; 4] = ["section", "config", "dev_hint", "main"];

pub(crate) fn read(arguments: TokenStream, mut item: ItemStruct, diagnostics: &mut Diagnostics) -> RawConnector {
    let arguments = Arguments::read(arguments, "#[sink_connector]", &ARGUMENTS, diagnostics);
    let fields = field::read(&item.fields);
    field::strip(&mut item.fields);
    RawConnector {
        section: arguments.text("section", diagnostics),
        config: arguments.text("config", diagnostics),
        dev_hint: arguments.text("dev_hint", diagnostics),
        main: arguments.truth("main", diagnostics),
        fields,
        about: field::doc(&item.attrs),
        item,
    }
}
