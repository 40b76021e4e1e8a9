//! The configuration as a JSON Schema, by which editors complete and validate a file.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::key::DocumentedKey;
use crate::{
    core::key::{CORE_TABLES, MAPPING_LISTS, Section, UNUSED_IN_PROCESSING, keys_in, mapping_keys},
    load::{ConnectorInfo, GeneratedConnector},
    schema::{
        KeySpec, LEVELS, ValueRef, ValueType,
        quantity::{DURATION_UNITS, SIZE_UNITS},
    },
};

/// The JSON Schema (draft 7) of a connector's file.
///
/// It leaves checks of several values together to `check`, and requires no key that the environment may set, such as
/// `danube_service_url`.
pub fn json_schema<C: GeneratedConnector>() -> Value {
    json_schema_of(&C::INFO)
}

/// [`json_schema`] of a connector without its type.
#[doc(hidden)]
pub fn json_schema_of(connector: &ConnectorInfo) -> Value {
    let mut root = Table::of(keys_in(Section::Root).map(|key| DocumentedKey::core(key, Section::Root)));
    for (name, section) in CORE_TABLES {
        let mut table = Table::of(keys_in(section).map(|key| DocumentedKey::core(key, section)));
        if section == Section::Processing {
            for unused in UNUSED_IN_PROCESSING {
                table.properties.insert((*unused).to_owned(), json!({ "description": "Has no effect." }));
            }
        }
        root.properties.insert(name.to_owned(), table.into_schema());
    }
    let common = mapping_keys().map(|key| DocumentedKey::common(key, connector));
    let mapping = Table::of(common.chain(own(connector.mapping_keys)));
    let mut mapping = mapping.into_schema();
    let has_dead_letter_topic = connector.mapping_defaults.iter().any(|(key, _)| *key == "dead_letter_topic");
    if !has_dead_letter_topic {
        let dead_letter = json!({ "on_invalid_record": words(&["dead_letter"]) });
        mapping["if"] = json!({ "properties": dead_letter, "required": ["on_invalid_record"] });
        mapping["then"] = json!({ "required": ["dead_letter_topic"] });
    }

    let mut section = Table::of(own(connector.keys));
    let list = json!({ "type": "array", "minItems": 1, "items": mapping });
    for name in MAPPING_LISTS {
        section.properties.insert(name.to_owned(), list.clone());
    }
    section.require_one_of(&MAPPING_LISTS);
    root.properties.insert(connector.section.to_owned(), section.into_schema());
    root.required.push(connector.section.into());

    let mut schema = root.into_schema();
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!(format!("{} {}", connector.name, connector.version));
    schema["description"] = json!(connector.about);
    schema
}

/// One table of the file.
#[derive(Default)]
struct Table {
    properties: Map<String, Value>,
    required: Vec<Value>,
    /// Conditions on several keys.
    all_of: Vec<Value>,
}

impl Table {
    fn of(keys: impl Iterator<Item = DocumentedKey>) -> Self {
        let mut table = Self::default();
        for key in keys {
            let schema = described(&key);
            table.properties.extend(key.names.iter().map(|name| ((*name).to_owned(), schema.clone())));
            if key.spec.is_required_in_file() {
                table.require_one_of(&key.names);
            } else if key.names.len() > 1 {
                table.all_of.push(json!({ "not": { "required": key.names } }));
            }
        }
        table
    }

    /// Requires exactly one of the names.
    fn require_one_of(&mut self, names: &[&str]) {
        match names {
            [only] => self.required.push((*only).into()),
            several => {
                let each: Vec<Value> = several.iter().map(|name| json!({ "required": [name] })).collect();
                self.all_of.push(json!({ "oneOf": each }));
            }
        }
    }

    fn into_schema(self) -> Value {
        let some = |conditions: Vec<Value>| (!conditions.is_empty()).then_some(conditions);
        without_nulls(json!({
            "type": "object",
            "properties": self.properties,
            "additionalProperties": false,
            "required": some(self.required),
            "allOf": some(self.all_of),
        }))
    }
}

/// The keys of the connector's own that the file may have.
fn own(keys: &[KeySpec]) -> impl Iterator<Item = DocumentedKey> {
    keys.iter().filter(|spec| !spec.is_secret()).map(DocumentedKey::own)
}

fn described(key: &DocumentedKey) -> Value {
    let mut schema = of_type(&key.spec.value_type);
    schema["description"] = json!((!key.help.is_empty()).then_some(&key.help));
    schema["default"] = json!(key.spec.default.to_toml().and_then(|default| default.parse::<toml::Value>().ok()));
    without_nulls(schema)
}

/// What is null is not said: limits that a type does not have.
fn without_nulls(mut schema: Value) -> Value {
    if let Value::Object(entries) = &mut schema {
        entries.retain(|_, value| !value.is_null());
    }
    schema
}

fn of_type(value_type: &ValueType) -> Value {
    let at_least = |min: usize| (min > 0).then_some(min);
    let at_most = |max: usize| (max < usize::MAX).then_some(max);
    without_nulls(match *value_type {
        ValueType::Bool => json!({ "type": "boolean" }),
        ValueType::Integer { min, max } => {
            let max = u64::try_from(max).ok().filter(|max| *max < u64::MAX);
            json!({ "type": "integer", "minimum": i64::try_from(min).ok(), "maximum": max })
        }
        ValueType::Float { min, max, .. } => {
            let finite = |limit: f64| limit.is_finite().then_some(limit);
            json!({ "type": "number", "minimum": finite(min), "maximum": finite(max) })
        }
        ValueType::String { min, max } => {
            json!({ "type": "string", "minLength": at_least(min), "maxLength": at_most(max) })
        }
        ValueType::Enum { words: known, .. } => words(known),
        ValueType::Path => json!({ "type": "string", "minLength": 1 }),
        ValueType::Pointer => json!({ "type": "string", "pattern": "^(/([^~/]|~[01])*)*$" }),
        ValueType::Field { metadata } => {
            let attribute = json!({ "type": "string", "pattern": "^attribute:." });
            json!({ "anyOf": [of_type(&ValueType::Pointer), attribute, words(metadata)] })
        }
        ValueType::Url => json!({ "type": "string", "pattern": "^[A-Za-z0-9+.-]+:." }),
        ValueType::ServiceUrl | ValueType::HttpUrl { .. } => json!({ "type": "string", "pattern": "^https?://[^/]" }),
        ValueType::MetricsUrl => json!({ "type": "string", "pattern": "^http://[^/]" }),
        ValueType::IpAddress => {
            json!({ "anyOf": [{ "type": "string", "format": "ipv4" }, { "type": "string", "format": "ipv6" }] })
        }
        ValueType::HttpStatuses => {
            let statuses = json!({ "type": "string", "pattern": "^[2-5](([0-9]{2}(-[2-5][0-9]{2})?)|([xX]{2}))$" });
            json!({ "anyOf": [{ "type": "integer", "minimum": 200, "maximum": 599 }, statuses] })
        }
        ValueType::LogLevel => {
            let level = LEVELS.map(any_case).join("|");
            json!({ "type": "string", "pattern": format!("^(([^,=]+=)?({level}))(,([^,=]+=)?({level}))*$") })
        }
        ValueType::Topic => json!({ "type": "string", "pattern": "^/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+$" }),
        ValueType::Duration { min, max, .. } => json!({
            "type": "string",
            "pattern": format!("^({NUMBER} *({}) *)+$", one_of(&DURATION_UNITS)),
            "$comment": (min > Duration::ZERO || max < Duration::MAX).then_some("`check` validates its range"),
        }),
        ValueType::ByteSize { .. } => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": format!("^{NUMBER} *({}) *$", one_of(&SIZE_UNITS)) },
        ] }),
        ValueType::Array { of, min, max } => {
            json!({ "type": "array", "items": of_type(of), "minItems": at_least(min), "maxItems": at_most(max) })
        }
        ValueType::Map { of, min, max } => json!({
            "type": "object",
            "additionalProperties": of_type(of),
            "minProperties": at_least(min),
            "maxProperties": at_most(max),
        }),
        ValueType::ArrayOrTable { items, table } => {
            json!({ "anyOf": [{ "type": "array", "items": of_type(items) }, of_type(table)] })
        }
        ValueType::OneOf(choices) => {
            let choices = choices.iter().filter_map(|choice| match *choice {
                ValueRef::String(text) => Some(json!(text)),
                ValueRef::Integer(number) => i64::try_from(number).ok().map(Value::from),
                _ => None,
            });
            json!({ "enum": choices.collect::<Vec<_>>() })
        }
        ValueType::Table(keys) => Table::of(own(keys)).into_schema(),
        ValueType::Secret => json!(false),
        ValueType::Any => json!({}),
    })
}

/// A number in a pattern.
const NUMBER: &str = "[0-9]+(\\.[0-9]+)?";

/// One of the units, in a pattern.
fn one_of(units: &[(&str, u128)]) -> String {
    units.iter().map(|(unit, _)| *unit).collect::<Vec<_>>().join("|")
}

/// The words for completion, and every other spelling that is accepted.
fn words(words: &[&str]) -> Value {
    let spellings: Vec<String> = words.iter().map(|word| any_spelling(word)).collect();
    json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": format!("^({})$", spellings.join("|")) }] })
}

fn any_case(word: &str) -> String {
    word.chars().map(|char| format!("[{}{}]", char.to_ascii_lowercase(), char.to_ascii_uppercase())).collect()
}

/// A word in any case, with `_` or `-` anywhere.
fn any_spelling(word: &str) -> String {
    let letters = word.chars().filter(|char| !matches!(char, '_' | '-'));
    let spellings = letters.map(|char| format!("[{}{}][_-]*", char.to_ascii_lowercase(), char.to_ascii_uppercase()));
    format!("[_-]*{}", spellings.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::quantity;

    #[test]
    fn sizes_and_durations_have_the_units_of_the_reader() {
        let matches = |value_type: ValueType| {
            let validator = jsonschema::draft7::new(&of_type(&value_type)).unwrap();
            move |text: &str| validator.is_valid(&json!(text))
        };
        let is_size = matches(ValueType::BYTE_SIZE);
        let (mut sizes, mut times) = (0, 0);
        for prefix in ["", "k", "K", "m", "M", "g", "G", "t", "T"] {
            for suffix in ["", "i", "I", "b", "B", "ib", "iB", "Ib", "IB", "B  "] {
                for number in ["", "5", "5.5 "] {
                    let size = format!("{number}{prefix}{suffix}");
                    assert_eq!(quantity::byte_size(&size).is_some(), is_size(&size), "{size}");
                    sizes += usize::from(is_size(&size));
                }
            }
        }
        let is_duration = matches(ValueType::DURATION);
        for unit in
            ["", "n", "ns", "us", "µs", "ms", "MS", "milli", "millis", "s", "sec", "m", "M", "min", "hour", "w "]
        {
            for time in [format!("5{unit}"), format!("1h 5.5 {unit}"), format!("5{unit}1h")] {
                assert_eq!(quantity::duration(&time).is_some(), is_duration(&time), "{time}");
                times += usize::from(is_duration(&time));
            }
        }
        assert!(sizes > 20 && times > 20, "{sizes} {times}");
    }
}
