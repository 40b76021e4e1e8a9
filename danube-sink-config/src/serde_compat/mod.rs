//! Structs of the author's own that derive `Deserialize` and flatten the core settings, as in the guide.
//!
//! ```text
//!  file ──▶ core and common keys resolved ──▶ a table with them ──serde──▶ the author's struct
//!                                                    └▶ unknown keys, errors with locations
//! ```
//!
//! Serde passes no context to a field. So the table carries the resolved core settings under [`RESOLVED`], where `Deserialize`
//! of [`ConnectorConfig`](crate::ConnectorConfig) finds them; without that key, as under plain serde, it reads the core keys itself.

mod deserializer;
mod settings;

use std::{cell::RefCell, path::Path};

use serde::de::DeserializeOwned;

use self::deserializer::FileDeserializer;
use crate::{
    ConfigError, ConfigSource, Environment, ExternalChecks, ProcessEnvironment,
    core::key::{CORE_TABLES, ROOT, Section, names_in},
    load::{
        core_keys::Core,
        loader::Loader,
        mappings::{self, common_names},
        source::{self, Found},
        validate::validate_name,
    },
    report::{Diagnostics, SecretNames},
    schema::{TableKeys, suggest},
    value::{Content, Document, Entry, Origin, Table, Value},
};

/// The key of a table with resolved settings; no file can have it by accident.
const RESOLVED: &str = "\0danube-sink";

/// The key of all mappings' settings among the resolved ones.
const MAPPINGS: &str = "\0mappings";

/// The help for a program without commands.
const VARIABLE_OR_ARGUMENT: &str =
    "name the file with the variable CONNECTOR_CONFIG_PATH, or in the program's call of `load_from`";

/// Loads a configuration struct that derives `Deserialize`, from the file that is named here or by the variable
/// `CONNECTOR_CONFIG_PATH`.
///
/// # Errors
/// Everything that is wrong with the core settings and mappings, and the first error of serde elsewhere.
pub fn load_struct<T: DeserializeOwned>(checks: ExternalChecks, path: Option<&Path>) -> Result<T, ConfigError> {
    load_from(checks, path, &ProcessEnvironment)
}

pub(super) fn load_from<T: DeserializeOwned>(
    checks: ExternalChecks,
    path: Option<&Path>,
    environment: &dyn Environment,
) -> Result<T, ConfigError> {
    let source = ConfigSource { path: path.map(Path::to_owned), ..ConfigSource::default() };
    let Found { path, text, .. } = source::find(&source, None, environment, VARIABLE_OR_ARGUMENT)?;
    let document = Document::parse(&path, text, &SecretNames::default())?;
    load(&document, checks, environment)
}

pub(super) fn load<T: DeserializeOwned>(
    document: &Document,
    checks: ExternalChecks,
    environment: &dyn Environment,
) -> Result<T, ConfigError> {
    let is_core = |key: &str| core_names().any(|name| name == key);
    let own: Vec<&str> = document.root.keys().into_iter().filter(|key| !is_core(key)).collect();
    let mut loader = Loader { sections: own.clone(), ..Loader::new(Some(environment), checks) };
    let core = loader.read_core(&document.root);

    let mut root = document.root.clone();
    let mut resolved = core.table.clone();
    let mappings = resolve_mappings(&document.root, &mut root, &core, &mut loader);
    let mut diagnostics = loader.diagnostics;
    resolved.set(MAPPINGS, Value::new(Content::Array(mappings), Origin::File));
    root.set(RESOLVED, Value::new(Content::Table(resolved), Origin::File));

    report_unknown_keys::<T>(&root, &own, &mut diagnostics);
    let unknown = RefCell::default();
    let value = T::deserialize(FileDeserializer::new(&Value::new(Content::Table(root), Origin::File), &unknown));
    diagnostics.append(unknown.into_inner());
    let value = value.map_err(|error| diagnostics.push(error.into_diagnostic())).ok();
    for note in document.notes(&mut diagnostics) {
        tracing::debug!("{note}");
    }
    document.result(value, diagnostics)
}

/// Names at the root that are not the author's.
fn core_names() -> impl Iterator<Item = &'static str> {
    names_in(Section::Root).chain(CORE_TABLES.iter().map(|(name, _)| *name))
}

/// Puts the resolved common keys into each mapping of `root`; returns them.
fn resolve_mappings(file: &Table, root: &mut Table, core: &Core, loader: &mut Loader<'_>) -> Vec<Value> {
    let common = common_names();
    let mut all = Vec::new();
    for section in &file.entries {
        let Content::Table(table) = &section.value.content else { continue };
        let Some(entry) = mappings::entry(table) else { continue };
        let items = entry.value.as_array().into_iter().flatten();
        let own_names: Vec<&str> =
            items.filter_map(|item| item.as_table().ok()).flatten().map(|(key, _)| key).collect();
        let Some(parsed) = loader.parse_mappings(table, &section.key, core, &own_names) else { continue };
        let resolved = parsed.into_iter().map(|mapping| {
            let mut table = mapping.table;
            all.push(Value::new(Content::Table(table.clone()), Origin::File));
            let own = mapping.file_table.entries.iter().filter(|entry| !common.contains(&entry.key.as_str()));
            table.entries.extend(own.cloned());
            table.set(RESOLVED, Value::new(Content::Bool(true), Origin::File));
            Value { span: mapping.file_table.span.clone(), ..Value::new(Content::Table(table), Origin::File) }
        });
        let list =
            Value { span: entry.value.span.clone(), ..Value::new(Content::Array(resolved.collect()), Origin::File) };
        if let Some(Content::Table(section)) = root.value_mut(&section.key).map(|value| &mut value.content) {
            section.set(&entry.key, list);
        }
    }
    all
}

/// Whether a table is a mapping with its resolved common keys.
fn is_resolved_mapping(table: &Table) -> bool {
    table.value(RESOLVED).is_some_and(|resolved| matches!(resolved.content, Content::Bool(_)))
}

/// Reports the keys at the root that no field of `T` takes. Whether one does shows when its value is one that no type
/// accepts: that works for flattened structs too, whose fields serde does not name.
fn report_unknown_keys<T: DeserializeOwned>(root: &Table, own: &[&str], diagnostics: &mut Diagnostics) {
    let core: Vec<&str> = core_names().collect();
    let keys = TableKeys { title: ROOT, keys: &[], known: &core };
    let unreadable = Value::new(Content::Secret(String::new()), Origin::File);
    for entry in root.entries.iter().filter(|entry| own.contains(&entry.key.as_str())) {
        let mut probe = Table { span: None, entries: vec![Entry { value: unreadable.clone(), ..entry.clone() }] };
        probe.entries.extend(root.entries.iter().filter(|other| other.key != entry.key).cloned());
        let probe = Value::new(Content::Table(probe), Origin::File);
        let is_unknown = match T::deserialize(FileDeserializer::new(&probe, &RefCell::default())) {
            Ok(_) => true,
            // Another error hides whether a flattened struct takes the key: then only a typing error is reported.
            Err(error) => !error.is_of_unreadable() && suggest::closest(&entry.key, &core).is_some(),
        };
        if is_unknown {
            validate_name(entry, &keys, diagnostics);
        }
    }
}
