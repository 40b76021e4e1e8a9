//! Tokens → [`RawConnector`].

use proc_macro2::TokenStream;
use syn::ItemStruct;

use super::model::RawConnector;
use crate::{
    diagnostics::Diagnostics,
    field::{
        arguments::{Arguments, Grammar},
        syntax as field,
    },
};

const GRAMMAR: Grammar<'_> = Grammar {
    attribute: "#[sink_connector]",
    known: &["section", "config", "name", "version", "dev_hint", "validate", "validate_external", "main"],
    lists: &[],
    refused: &[(
        "env",
        "a variable belongs to one setting",
        "write `#[setting(env = \"…\")]`, or `#[setting(secret)]`, on a field",
    )],
};

pub(crate) fn read(arguments: TokenStream, mut item: ItemStruct, diagnostics: &mut Diagnostics) -> RawConnector {
    let arguments = Arguments::read(arguments, &GRAMMAR, diagnostics).unwrap_or_default();
    let fields = field::read(&item.fields);
    field::strip(&mut item.fields);
    RawConnector {
        section: arguments.string("section", diagnostics),
        config: arguments.string("config", diagnostics),
        name: arguments.string("name", diagnostics),
        version: arguments.string("version", diagnostics),
        dev_hint: arguments.string("dev_hint", diagnostics),
        main: arguments.boolean("main", diagnostics),
        validate: arguments.path("validate", diagnostics),
        validate_external: arguments.path("validate_external", diagnostics),
        fields,
        about: field::doc(&item.attrs),
        item,
    }
}
