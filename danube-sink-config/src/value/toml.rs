//! Conversions between values and the crate `toml`, whose values have no spans.

use super::value::{Content, Entry, Origin, Table, Value};

impl From<::toml::Table> for Table {
    fn from(table: ::toml::Table) -> Self {
        let entry = |(key, value): (String, ::toml::Value)| Entry { key, key_span: None, value: value.into() };
        Self { span: None, entries: table.into_iter().map(entry).collect() }
    }
}

impl From<::toml::Value> for Value {
    fn from(value: ::toml::Value) -> Self {
        use ::toml::Value as Toml;
        let content = match value {
            Toml::String(text) => Content::String(text),
            Toml::Integer(number) => Content::Integer(number.into()),
            Toml::Float(number) => Content::Float(number),
            Toml::Boolean(boolean) => Content::Bool(boolean),
            Toml::Datetime(datetime) => Content::Datetime(datetime.to_string()),
            Toml::Array(items) => Content::Array(items.into_iter().map(Self::from).collect()),
            Toml::Table(table) => Content::Table(table.into()),
        };
        Self::new(content, Origin::File)
    }
}
