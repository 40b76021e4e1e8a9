//! The command `config`: prints each key of the configuration with its value and its origin.

use serde::Serialize;

use super::{
    LoadedConnector,
    output::{Format, print_all, print_json},
};
use crate::error::ConnectorResult;

/// The output of `config --format json`.
#[derive(Serialize)]
struct Document<'a> {
    file: String,
    keys: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    table: &'a str,
    index: usize,
    key: &'a str,
    value: serde_json::Value,
    origin: &'a str,
}

/// Prints the effective configuration, with `***` for each secret.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn print(loaded: &LoadedConnector, format: Format) -> ConnectorResult<()> {
    if format == Format::Text {
        return print_all(&loaded.effective.to_string());
    }
    let rows = loaded.effective.keys().iter().map(|row| Row {
        table: &row.table,
        index: row.index,
        key: &row.key,
        value: json_of(&row.value),
        origin: &row.origin,
    });
    print_json(&Document { file: loaded.path.display().to_string(), keys: rows.collect() })
}

/// The JSON of a TOML value; the text itself where it is none, such as `***`.
fn json_of(text: &str) -> serde_json::Value {
    let parsed = format!("value = {text}").parse::<toml::Table>();
    parsed.ok().and_then(|mut table| table.remove("value")).map_or_else(|| text.into(), json)
}

fn json(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(boolean) => boolean.into(),
        toml::Value::Datetime(datetime) => datetime.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn toml_values_become_json_values() {
        for (text, expected) in [
            ("50", json!(50)),
            ("1.5", json!(1.5)),
            ("true", json!(true)),
            (r#""a\u0001\"b""#, json!("a\u{1}\"b")),
            ("2026-01-02", json!("2026-01-02")),
            (r#"[{ "a.b" = 1 }, {}]"#, json!([{ "a.b": 1 }, {}])),
            ("***", json!("***")),
        ] {
            assert_eq!(json_of(text), expected, "{text}");
        }
    }
}
