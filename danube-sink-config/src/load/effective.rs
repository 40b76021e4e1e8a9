//! The effective configuration: each key with its value and its origin.

use std::fmt;

use crate::{
    report::{SecretNames, redact_urls},
    value::{Content, Document, Entry, Origin, Table, Value, quoted, quoted_key},
};

/// What is shown of a secret.
const MASKED: &str = "***";

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

    /// Adds the keys of a table. What `names` makes a secret in a report is one here too.
    pub(crate) fn push(
        &mut self,
        document: &Document,
        (header, index): (&str, usize),
        table: &Table,
        names: &SecretNames<'_>,
    ) {
        let row = |key: &str, value: String, entry: &Entry| EffectiveKey {
            table: header.to_owned(),
            index,
            key: key.to_owned(),
            value,
            origin: origin(document, entry),
        };
        for entry in &table.entries {
            for_each_value(&entry.key, entry, names, false, &mut |key, value, entry| {
                self.rows.push(row(key, value, entry));
            });
        }
    }
}

/// Visits the values of an entry and of the tables within, each with its dotted key.
fn for_each_value(
    key: &str,
    entry: &Entry,
    names: &SecretNames<'_>,
    is_secret: bool,
    visit: &mut impl FnMut(&str, String, &Entry),
) {
    let is_secret = is_secret || names.is_secret(&entry.key);
    match &entry.value.content {
        Content::Table(table) if !table.entries.is_empty() => {
            for inner in &table.entries {
                for_each_value(&format!("{key}.{}", quoted_key(&inner.key)), inner, names, is_secret, visit);
            }
        }
        _ if is_secret => visit(key, MASKED.to_owned(), entry),
        _ => visit(key, shown(&entry.value, names), entry),
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
fn shown(value: &Value, names: &SecretNames<'_>) -> String {
    match &value.content {
        Content::Secret(_) => MASKED.to_owned(),
        Content::String(text) => quoted(&redact_urls(text)),
        Content::Integer(number) => number.to_string(),
        Content::Float(number) => format!("{number:?}"),
        Content::Bool(boolean) => boolean.to_string(),
        Content::Datetime(datetime) => datetime.clone(),
        Content::Array(items) => {
            format!("[{}]", items.iter().map(|item| shown(item, names)).collect::<Vec<_>>().join(", "))
        }
        Content::Table(table) => {
            let entry = |entry: &Entry| {
                let is_secret = names.is_secret(&entry.key);
                let value = if is_secret { MASKED.to_owned() } else { shown(&entry.value, names) };
                format!("{} = {value}", quoted_key(&entry.key))
            };
            let entries: Vec<String> = table.entries.iter().map(entry).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
    }
}
