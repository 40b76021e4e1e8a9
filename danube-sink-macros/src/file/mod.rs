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

use danube_sink_config::{
    compile_time,
    private::{ConnectorInfo, KeySpec, ValueSource},
};
use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    connector::model::CheckedConnector,
    dependency,
    diagnostics::Diagnostics,
    field::model::{CheckedField, Source},
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
    let name = config.value();
    let info = known_of(connector, &file.package);
    // Once: it reads the package's manifest.
    let sink = dependency::path();
    let mut constants = TokenStream::new();
    let errors = compile_time::validate(name.as_ref(), &info, &file.text, &mut |kind, table, value| {
        constants.extend(emit::constants(&sink, &connector.item.ident, config.span(), kind, table, value));
    });
    for error in errors {
        diagnostics.push(config, error.message, error.help);
    }
    let errors = diagnostics.into_tokens();
    Expanded { sample: Some(emit::sample(&name, &file)), checks: quote!(#errors #constants) }
}

/// The declaration of the connector without the types of its settings. The process of a macro ends soon, so that it may leak.
fn known_of(connector: &CheckedConnector, package: &String) -> ConnectorInfo {
    let kept = |text: &String| -> &'static str { text.clone().leak() };
    let defaults = connector.mapping_defaults().iter().map(|(key, value)| (kept(key), kept(value)));
    let key = |field: &CheckedField| {
        let setting = field.setting()?;
        let source = match &setting.source {
            Source::Secret(Some(variable)) if field.cfg.is_empty() => ValueSource::Secret(Some(kept(variable))),
            Source::Secret(_) => ValueSource::Secret(None),
            Source::File | Source::Variable(_) => ValueSource::File,
        };
        Some(KeySpec { source, ..KeySpec::new(kept(&setting.key)) })
    };
    ConnectorInfo {
        name: kept(connector.name.as_ref().unwrap_or(package)),
        section: kept(&connector.section),
        keys: connector.fields.iter().filter_map(key).collect::<Vec<_>>().leak(),
        mapping_defaults: defaults.collect::<Vec<_>>().leak(),
        ..ConnectorInfo::EMPTY
    }
}
