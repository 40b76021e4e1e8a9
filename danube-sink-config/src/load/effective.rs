//! The effective configuration: each key with its value and its origin.

use std::fmt;

use crate::{
    report::redact_urls,
    value::{Content, Document, Entry, Origin, Table, Value, quoted, quoted_key},
};

/// The effective configuration of a connector. Printed, it is TOML with the origin of each value behind it, and `***` for
/// each secret.
#[derive(Debug, Clone, Default)]
pub struct EffectiveConfig {
    rows: Vec<EffectiveKey>,
}

/// A key of the effective configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EffectiveKey {
    /// The header of its table, such as `[http_sink]`; empty at the root.
    pub table: String,
    /// The number of the table among those with this header, from 0.
    pub index: usize,
    /// The key, with those of the tables within before it: `api.url`.
    pub key: String,
    /// The value as TOML; `***` for a secret.
    pub value: String,
    /// Where the value comes from, such as `connector.toml:7` or `default`.
    pub origin: String,
}

impl EffectiveConfig {
    /// The keys, in the order of the template.
    pub fn keys(&self) -> &[EffectiveKey] {
        &self.rows
    }

    /// Adds the keys of a table.
    pub(crate) fn push(&mut self, document: &Document, (header, index): (&str, usize), table: &Table) {
        for entry in &table.entries {
            self.push_entry(document, (header, index), &entry.key, entry);
        }
    }

    fn push_entry(&mut self, document: &Document, (header, index): (&str, usize), key: &str, entry: &Entry) {
        if let Content::Table(table) = &entry.value.content
            && !table.entries.is_empty()
        {
            for inner in &table.entries {
                self.push_entry(document, (header, index), &format!("{key}.{}", quoted_key(&inner.key)), inner);
            }
            return;
        }
        let (value, origin) = (shown(&entry.value), origin(document, entry));
        self.rows.push(EffectiveKey { table: header.to_owned(), index, key: key.to_owned(), value, origin });
    }
}

impl fmt::Display for EffectiveConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut current = ("", 0);
        for EffectiveKey { table, index, key, value, origin } in &self.rows {
            if current != (table.as_str(), *index) {
                writeln!(f, "\n{table}")?;
                current = (table, *index);
            }
            writeln!(f, "{key} = {value}  # {origin}")?;
        }
        Ok(())
    }
}

fn origin(document: &Document, entry: &Entry) -> String {
    match &entry.value.origin {
        Origin::File => match entry.key_span.as_ref().or(entry.value.span.as_ref()) {
            Some(span) => format!("{}:{}", document.path.display(), document.line_of(span.start)),
            None => document.path.display().to_string(),
        },
        Origin::Variable(name) => format!("variable {name}"),
        Origin::VariableFile(name) => format!("the file of variable {name}"),
        Origin::Default => "default".to_owned(),
        Origin::Code => "default of the connector".to_owned(),
        Origin::Inherited(source) => format!("from {source}"),
    }
}

/// A value as TOML in one line.
fn shown(value: &Value) -> String {
    match &value.content {
        Content::Secret(_) => "***".to_owned(),
        Content::String(text) => quoted(&redact_urls(text)),
        Content::Integer(number) => number.to_string(),
        Content::Float(number) => format!("{number:?}"),
        Content::Bool(boolean) => boolean.to_string(),
        Content::Datetime(datetime) => datetime.clone(),
        Content::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Content::Table(table) => {
            let entry = |entry: &Entry| format!("{} = {}", quoted_key(&entry.key), shown(&entry.value));
            let entries: Vec<String> = table.entries.iter().map(entry).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
    }
}
