//! Resolves core keys: aliases, tables that may hold them, variables, validation, defaults.

use super::{
    loader::Loader,
    validate::{of_entry, validate},
};
use crate::{
    core::{
        ConnectorConfig, MappingSettings,
        key::{CoreKey, Section, keys_in},
    },
    report::{Diagnostic, Diagnostics},
    schema::{KeySpec, TableKeys, ValueType, key_spec::lower_first},
    value::{Content, Entry, Table, Value},
};

/// Core keys that are required; some follow from others, if those have a value.
const REQUIRED: [&str; 4] = ["danube_service_url", "connector_name", "topic", "subscription"];

/// A table of the file that may hold core keys.
pub(crate) type CoreTable<'a> = (Section, &'a Table);

/// The core settings, as the loader keeps them.
pub(crate) struct Core {
    pub(crate) config: ConnectorConfig,
    /// Each key with its value and origin.
    pub(crate) table: Table,
    /// Defaults of the connector's code for common keys of a topic mapping.
    pub(crate) mapping_defaults: Table,
}

impl Core {
    /// The settings of a file without keys.
    pub(crate) fn defaults() -> Self {
        Self { config: ConnectorConfig::defaults(), table: Table::default(), mapping_defaults: Table::default() }
    }
}

/// A topic mapping whose common keys have been read.
#[derive(Debug)]
pub(crate) struct ParsedMapping<'a> {
    /// The title of its table in messages.
    pub(crate) title: String,
    /// The table in the file.
    pub(crate) file_table: &'a Table,
    /// The common keys, with their values and origins.
    pub(crate) table: Table,
    pub(crate) settings: MappingSettings,
}

impl ParsedMapping<'_> {
    /// A diagnostic of the value of a key.
    pub(super) fn diagnostic(&self, key: &str, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic::new(message, help).at(self.table.span_of(Some(key)))
    }
}

impl Loader<'_> {
    /// Resolves core keys to one table, under their canonical names. An invalid value is reported, and its default put in its
    /// place. `inherited` gives the value of a key that is missing, before its default.
    pub(crate) fn resolve_core<'k>(
        &mut self,
        tables: &[CoreTable<'_>],
        keys: impl Iterator<Item = &'k CoreKey>,
        inherited: &dyn Fn(&KeySpec) -> Option<Value>,
    ) -> Table {
        let mut resolved =
            Table { span: tables.first().and_then(|(_, table)| table.span.clone()), entries: Vec::new() };
        for key in keys {
            let spec = &key.spec;
            let in_file = self.find_core(tables, key).cloned();
            let variable =
                self.value_of_variable(spec).map(|value| Entry { key: String::new(), key_span: None, value });
            let entry = variable.or(in_file).map(|entry| Entry { key: spec.name.to_owned(), ..entry });
            let valid = entry.filter(|entry| {
                let wrong = violations(&entry.value, spec);
                let valid = wrong.is_empty();
                self.diagnostics.append(of_entry(wrong, entry));
                valid
            });
            if let Some(entry) = valid {
                resolved.entries.push(entry);
            } else if let Some(value) = inherited(spec).or_else(|| self.default_of(spec)) {
                resolved.set(spec.name, value);
            }
        }
        resolved
    }

    /// The entry of a key that may be in several tables and under several names, but only once.
    fn find_core<'t>(&mut self, tables: &[CoreTable<'t>], key: &CoreKey) -> Option<&'t Entry> {
        let canonical = key.allowed_in[0];
        let mut first: Option<(&'t Entry, Section)> = None;
        for (section, table) in tables {
            for entry in key.names(*section).filter_map(|name| table.get(name)) {
                if *section != canonical || entry.key != key.spec.name {
                    let mut note = format!("`{}` in {} is read as `{}`", entry.key, section.title(), key.spec.name);
                    if *section != canonical {
                        note = format!("{note} in {}", canonical.title());
                    }
                    self.diagnostics.note(note, entry.key_span.as_ref());
                }
                match first {
                    None => first = Some((entry, *section)),
                    Some((other, at)) => {
                        let message = format!("`{}` is set twice", key.spec.name);
                        let help = format!("keep this one or `{}` in {}", other.key, at.title());
                        self.diagnostics.push(Diagnostic::new(message, help).at(entry.key_span.clone()));
                    }
                }
            }
        }
        first.map(|(entry, _)| entry)
    }

    /// Reports the required core keys that a table of the file does not have, and that have no other value. A misspelt key is
    /// unknown, not missing.
    pub(super) fn require(&mut self, section: Section, file: &Table, resolved: &Table, keys: &TableKeys<'_>) {
        for key in keys_in(section).filter(|key| REQUIRED.contains(&key.spec.name)) {
            let name = key.spec.name;
            let is_present = resolved.get(name).is_some() || key.names(section).any(|name| file.get(name).is_some());
            if !is_present && !keys.is_misspelt(name, &file.keys()) {
                self.diagnostics.push(Diagnostic::from(keys.missing(&key.spec)).at(file.span.clone()));
            }
        }
    }
}

/// As the validator's, and with the help that only a core key has: its meaning and its default.
fn violations(value: &Value, spec: &KeySpec) -> Diagnostics {
    if let Content::String(text) = &value.content
        && text.trim().is_empty()
        && matches!(spec.value_type, ValueType::String { .. })
    {
        let help = format!("write the {}{}", lower_first(&spec.summary()), spec.default.as_help());
        return value.diagnostic("the string is empty", help).into();
    }
    validate(value, &spec.value_type).with_help(&spec.default.as_help())
}
