//! The guide's path: a struct of the author's own, with `#[serde(flatten)] core: ConnectorConfig`.
//!
//! Serde gives up at the first mistake and tells flattened fields no places. So [`load_struct`] reads the core settings
//! itself first, and leaves them in a scope for the `Deserialize` impls below, which leave in turn what they find: keys
//! that nobody claimed, mistakes in mappings, and what the mappings say about batches.

mod deserialize;
mod scope;
mod serde_error;
mod values;

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::{
    beyond::Beyond,
    file::document::Document,
    file::environment::{self, Environment, ProcessEnvironment},
    file::source::{self, ConfigSource},
    read::root,
    read::table::{self, TableReader},
    report::error::ConfigError,
    report::mistake::{Mistake, Mistakes},
};

/// Loads a configuration struct that derives `Deserialize`, from the file that is named here or by the variable
/// `CONNECTOR_CONFIG_PATH`.
///
/// # Errors
/// Everything that is wrong with the core settings and mappings, and the first thing that serde finds elsewhere.
pub fn load_struct<T: DeserializeOwned>(beyond: Beyond, path: Option<&Path>) -> Result<T, ConfigError> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => source::find(&ConfigSource::default(), None, &ProcessEnvironment)?,
    };
    read(&Document::read(&path, &[])?, beyond, &ProcessEnvironment)
}

pub(super) fn read<T: DeserializeOwned>(
    document: &Document,
    beyond: Beyond,
    environment: &dyn Environment,
) -> Result<T, ConfigError> {
    let mut mistakes = Mistakes::default();
    let mut root = TableReader::new(&document.root, root::TITLE);
    let core = root::read(&mut root, environment, None, beyond, &mut mistakes);

    let scope = scope::Scope::new(document.root.clone(), core, environment::host_name(environment), beyond.decoding);
    let mut ignored = Vec::new();
    let (value, found) = scope.run(|| -> Result<T, toml::de::Error> {
        let parsed = toml::Deserializer::parse(&document.text)?;
        serde_ignored::deserialize(parsed, |path| ignored.push(path.to_string()))
    });

    // The keys of the root that neither the author's struct nor the core claimed.
    let unclaimed = found.unclaimed.iter().map(String::as_str);
    root.finish_beside(|key| !unclaimed.clone().any(|one| one == key), &[], &mut mistakes);
    for path in ignored {
        let span = document.root.locate(&path);
        if let Some(key) = span.as_ref().filter(|_| table::is_telltale(&path)) {
            let rest = document.text[key.end..].find('\n').map_or(document.text.len(), |length| key.end + length);
            mistakes.hide_bytes(key.end..rest);
        }
        let message = format!("unknown key `{path}`");
        mistakes.push(Mistake::new(message, "remove it, or add a field of this name to the struct").at(span));
    }
    mistakes.append(found.mistakes);
    for note in document.notes(&mut mistakes) {
        tracing::debug!("{note}");
    }
    let value = value.map_err(|error| mistakes.push(serde_error::mistake(error.message(), error.span()))).ok();
    document.result(value, mistakes)
}
