//! `config = "connector.toml"`: the file is read while the connector is built, and what would fail at start fails the
//! build.
//!
//! ```text
//!  file ──▶ read ──▶ danube_sink_config::built::check ─┬▶ mistakes               errors at the literal
//!                                                      └▶ emit ──▶ constants      errors where a value misfits its type
//! ```
//!
//! A struct with mistakes of its own is not compared with a file: its keys are not known.

mod emit;
mod read;

use danube_sink_config::built::{self, Code, Field};
use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    connector::model::CheckedConnector,
    dependency,
    diagnostics::Diagnostics,
    field::model::{CheckedField, Role},
};

/// What is wrong in the connector's file, as code that does not compile; the connector itself is there all the same.
pub(crate) fn expand(connector: &CheckedConnector) -> TokenStream {
    let Some(config) = &connector.config else { return TokenStream::new() };
    let mut diagnostics = Diagnostics::default();
    let Some(file) = read::read(config, &mut diagnostics) else { return diagnostics.into_tokens() };
    let fields: Vec<Field<'_>> = connector.fields.iter().filter_map(field).collect();
    let name = config.value();
    let defaults: Vec<(&str, &str)> =
        connector.mapping_defaults().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let code = Code {
        path: name.as_ref(),
        package: connector.name.as_ref().unwrap_or(&file.package),
        section: &connector.section,
        mapping_defaults: &defaults,
        fields: &fields,
    };
    // Asked once: it reads the package's manifest.
    let sink = dependency::path();
    let mut constants = TokenStream::new();
    let mistakes = built::check(&code, &file.text, &mut |owner, settings, given| {
        constants.extend(emit::constant(&sink, &connector.item.ident, config.span(), owner, settings, given));
    });
    for mistake in mistakes {
        diagnostics.push(config, mistake.message, mistake.help);
    }
    let errors = diagnostics.into_tokens();
    let tracked = emit::tracked(&file.path);
    quote!(#errors #constants #tracked)
}

fn field(field: &CheckedField) -> Option<Field<'_>> {
    match &field.role {
        Role::State => None,
        Role::TopicMappings { .. } => Some(Field::Mappings),
        Role::Setting(setting) => Some(match &setting.secret_env {
            Some(variable) => Field::Secret(&setting.key, variable),
            None => Field::Key(&setting.key),
        }),
    }
}
