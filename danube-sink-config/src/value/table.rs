//! A table of a configuration.

use std::ops::Range;

use toml::de::DeTable;

use super::value::{Content, Value};

/// The keys of one table, in the order of the file.
#[derive(Clone, Default)]
pub(crate) struct Table {
    /// The header, such as `[retry]`.
    pub(crate) span: Option<Range<usize>>,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Option<Range<usize>>,
    pub(crate) value: Value,
}

impl Table {
    pub(crate) const EMPTY: Self = Self { span: None, entries: Vec::new() };

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.get(key).map(|entry| &entry.value)
    }

    pub(crate) fn value_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    /// Puts a value in the place of what the key has; behind the others if it has nothing.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        match self.entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.value = value,
            None => self.entries.push(Entry { key: key.to_owned(), key_span: None, value }),
        }
    }

    /// The entry of a path such as `my_sink.target.url` or `list.0.key`.
    pub(crate) fn find(&self, path: &str) -> Option<&Entry> {
        let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
        let entry = self.get(step)?;
        let Some(rest) = rest else { return Some(entry) };
        match &entry.value.content {
            Content::Table(table) => table.find(rest),
            Content::Array(items) => {
                let (index, rest) = rest.split_once('.')?;
                match &items.get(index.parse::<usize>().ok()?)?.content {
                    Content::Table(table) => table.find(rest),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// A parsed table. `span` is its header.
    pub(super) fn from_parsed(parsed: &DeTable<'_>, span: Option<Range<usize>>) -> Self {
        let mut entries: Vec<Entry> = parsed
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                key_span: Some(key.span()),
                value: Value::from_parsed(value.get_ref(), value.span()),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.as_ref().map(|span| span.start));
        Self { span, entries }
    }
}
