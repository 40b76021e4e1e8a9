//! `config = "connector.toml"`: the file is read while the connector is built, and what would fail at start fails the
//! build.
//!
//! ```text
//!  file ──▶ read ─┬▶ compile_time::validate ─┬▶ errors                  at the literal
//!                 │                          └▶ emit ──▶ constants      errors of values that depend on types
//!  dev/… ─────────┴▶ emit ──▶ sample                                    the texts, in the program
//! ```
//!
//! A struct with errors of its own is not compared with a file: its keys are not known.

mod emit;
mod read;

use danube_sink_config::compile_time::{self, FieldDecl, StructDecl};
use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    connector::model::CheckedConnector,
    dependency,
    diagnostics::Diagnostics,
    field::model::{CheckedField, Role, Source},
};

/// What a file contributes to a connector.
#[derive(Default)]
pub(crate) struct Expanded {
    /// The sample in the connector's declaration, if there is a file.
    pub(crate) sample: Option<TokenStream>,
    /// The errors of the file, as code that does not compile; the connector itself is emitted all the same.
    pub(crate) checks: TokenStream,
}

pub(crate) fn expand(connector: &CheckedConnector) -> Expanded {
    let Some(config) = &connector.config else { return Expanded::default() };
    let mut diagnostics = Diagnostics::default();
    let Some(file) = read::read(config, &mut diagnostics) else {
        return Expanded { sample: None, checks: diagnostics.into_tokens() };
    };
    let fields: Vec<FieldDecl<'_>> = connector.fields.iter().filter_map(field).collect();
    let name = config.value();
    let defaults: Vec<(&str, &str)> =
        connector.mapping_defaults().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let decl = StructDecl {
        path: name.as_ref(),
        package: connector.name.as_ref().unwrap_or(&file.package),
        section: &connector.section,
        mapping_defaults: &defaults,
        fields: &fields,
    };
    // Once: it reads the package's manifest.
    let sink = dependency::path();
    let mut constants = TokenStream::new();
    let errors = compile_time::validate(&decl, &file.text, &mut |kind, table, value| {
        constants.extend(emit::constants(&sink, &connector.item.ident, config.span(), kind, table, value));
    });
    for error in errors {
        diagnostics.push(config, error.message, error.help);
    }
    let errors = diagnostics.into_tokens();
    Expanded { sample: Some(emit::sample(&name, &file)), checks: quote!(#errors #constants) }
}

fn field(field: &CheckedField) -> Option<FieldDecl<'_>> {
    match &field.role {
        Role::State => None,
        Role::TopicMappings { .. } => Some(FieldDecl::Mappings),
        Role::Setting(setting) => Some(match &setting.source {
            Source::Secret(Some(variable)) if field.cfg.is_empty() => FieldDecl::Secret(&setting.key, variable),
            Source::Secret(_) => FieldDecl::ConditionalSecret(&setting.key),
            Source::File | Source::Variable(_) => FieldDecl::Key(&setting.key),
        }),
    }
}
