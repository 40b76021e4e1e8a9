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
    known: &["section", "config", "name", "version", "dev_hint", "validate", "main"],
    refused: &[(
        "env",
        "only secrets are read from the environment",
        "write `#[setting(secret, env = \"…\")]` on a field",
    )],
};

pub(crate) fn read(arguments: TokenStream, mut item: ItemStruct, diagnostics: &mut Diagnostics) -> RawConnector {
    let arguments = Arguments::read(arguments, &GRAMMAR, diagnostics).unwrap_or_default();
    let fields = field::read(&item.fields);
    field::strip(&mut item.fields);
    RawConnector {
        section: arguments.text("section", diagnostics),
        config: arguments.text("config", diagnostics),
        name: arguments.text("name", diagnostics),
        version: arguments.text("version", diagnostics),
        dev_hint: arguments.text("dev_hint", diagnostics),
        main: arguments.truth("main", diagnostics),
        validate: arguments.path("validate", diagnostics),
        fields,
        about: field::doc(&item.attrs),
        item,
    }
}
