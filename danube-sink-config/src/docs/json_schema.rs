//! The configuration as a JSON Schema, by which editors complete and validate a file.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::key::DocumentedKey;
use crate::{
    core::key::{CORE_TABLES, CoreKey, MAPPING_LISTS, Section, UNUSED_IN_PROCESSING, keys_in, mapping_keys},
    load::connector::{ConnectorDecl, GeneratedConnector},
    schema::{KeySpec, LEVELS, ValueRef, ValueSource, ValueType},
};

/// The JSON Schema (draft 7) of a connector's file.
///
/// It leaves checks of several values together to `check`, and requires no key that the environment may set, such as
/// `danube_service_url`.
pub fn json_schema<C: GeneratedConnector>() -> Value {
    json_schema_of(&ConnectorDecl::of::<C>())
}

/// [`json_schema`] of a connector without its type.
#[doc(hidden)]
pub fn json_schema_of(connector: &ConnectorDecl) -> Value {
    let info = connector.info;
    let mut root = Table::default();
    root.core(keys_in(Section::Root), Section::Root, &[]);
    for (name, section) in CORE_TABLES {
        let mut table = Table::default();
        table.core(keys_in(section), section, &[]);
        if section == Section::Processing {
            for unused in UNUSED_IN_PROCESSING {
                table.properties.insert((*unused).to_owned(), json!({ "description": "Has no effect." }));
            }
        }
        root.properties.insert(name.to_owned(), table.into_schema());
    }
    let mut mapping = Table::default();
    mapping.core(mapping_keys(), Section::Mapping, connector.mapping_defaults);
    mapping.own(connector.mapping_keys);
    let mut mapping = mapping.into_schema();
    let has_dead_letter_topic = connector.mapping_defaults.iter().any(|(key, _)| *key == "dead_letter_topic");
    if !has_dead_letter_topic {
        let dead_letter = json!({ "on_invalid_record": words(&["dead_letter"]) });
        mapping["if"] = json!({ "properties": dead_letter, "required": ["on_invalid_record"] });
        mapping["then"] = json!({ "required": ["dead_letter_topic"] });
    }

    let mut section = Table::default();
    section.own(info.keys);
    let list = json!({ "type": "array", "minItems": 1, "items": mapping });
    for name in MAPPING_LISTS {
        section.properties.insert(name.to_owned(), list.clone());
    }
    section.require_one_of(&MAPPING_LISTS);
    root.properties.insert(info.section.to_owned(), section.into_schema());
    root.required.push(info.section.into());

    let mut schema = root.into_schema();
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!(format!("{} {}", info.name, info.version));
    schema["description"] = json!(info.about);
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
    fn core<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k CoreKey>,
        section: Section,
        defaults: &[(&str, &'static str)],
    ) {
        for key in keys {
            let documented = DocumentedKey::core(key, section, defaults);
            let schema = described(&documented);
            for alias in &documented.aliases {
                self.properties.insert((*alias).to_owned(), schema.clone());
            }
            if !key.allowed_in.contains(&section) {
                continue;
            }
            let name = key.spec.name;
            self.properties.insert(name.to_owned(), schema);
            let names: Vec<&str> = key.names(section).collect();
            if documented.is_required() && matches!(key.spec.source, ValueSource::File) {
                self.require_one_of(&names);
            } else if names.len() > 1 {
                self.all_of.push(json!({ "not": { "required": names } }));
            }
        }
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

    fn own(&mut self, keys: &[KeySpec]) {
        for spec in keys.iter().filter(|spec| !spec.is_secret()) {
            let documented = DocumentedKey::own(spec);
            self.properties.insert(spec.name.to_owned(), described(&documented));
            if spec.is_required_in_file() {
                self.required.push(spec.name.into());
            }
        }
    }

    fn into_schema(self) -> Value {
        let mut schema = json!({ "type": "object", "properties": self.properties, "additionalProperties": false });
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        if !self.all_of.is_empty() {
            schema["allOf"] = self.all_of.into();
        }
        schema
    }
}

fn described(key: &DocumentedKey) -> Value {
    let mut schema = of_type(&key.spec.value_type);
    if !key.help.is_empty() {
        schema["description"] = json!(key.help);
    }
    if let Some(default) = key.spec.default.to_toml()
        && let Ok(default) = default.parse::<toml::Value>()
        && let Ok(default) = serde_json::to_value(default)
    {
        schema["default"] = default;
    }
    schema
}

fn of_type(value_type: &ValueType) -> Value {
    match *value_type {
        ValueType::Bool => json!({ "type": "boolean" }),
        ValueType::Integer { min, max } => {
            let mut schema = json!({ "type": "integer" });
            limit(&mut schema, "minimum", i64::try_from(min).ok().map(Value::from));
            limit(&mut schema, "maximum", u64::try_from(max).ok().filter(|max| *max < u64::MAX).map(Value::from));
            schema
        }
        ValueType::Float { min, max, .. } => {
            let mut schema = json!({ "type": "number" });
            limit(&mut schema, "minimum", min.is_finite().then(|| min.into()));
            limit(&mut schema, "maximum", max.is_finite().then(|| max.into()));
            schema
        }
        ValueType::String { min, max } => sized(json!({ "type": "string" }), "minLength", "maxLength", min, max),
        ValueType::Enum { words: known, .. } => words(known),
        ValueType::Path => json!({ "type": "string", "minLength": 1 }),
        ValueType::Pointer => json!({ "type": "string", "pattern": "^(/([^~/]|~[01])*)*$" }),
        ValueType::Field { metadata } => {
            let attribute = json!({ "type": "string", "pattern": "^attribute:." });
            json!({ "anyOf": [of_type(&ValueType::Pointer), attribute, words(metadata)] })
        }
        ValueType::Url => json!({ "type": "string", "pattern": "^[A-Za-z0-9+.-]+:." }),
        ValueType::ServiceUrl | ValueType::HttpUrl { .. } => json!({ "type": "string", "pattern": "^https?://[^/]" }),
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
        ValueType::Duration { min, max, .. } => {
            let mut schema = json!({ "type": "string", "pattern": "^([0-9]+(\\.[0-9]+)? *(ns|nsec|us|usec|µs|ms|msec|millis|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?) *)+$" });
            if min > Duration::ZERO || max < Duration::MAX {
                schema["$comment"] = json!("`check` validates its range");
            }
            schema
        }
        ValueType::ByteSize { .. } => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *([kKMGT]i?)?[bB]?$" },
        ] }),
        ValueType::Array { of, min, max } => {
            sized(json!({ "type": "array", "items": of_type(of) }), "minItems", "maxItems", min, max)
        }
        ValueType::Map { of, min, max } => sized(
            json!({ "type": "object", "additionalProperties": of_type(of) }),
            "minProperties",
            "maxProperties",
            min,
            max,
        ),
        ValueType::OneOf(choices) => {
            let choices = choices.iter().filter_map(|choice| match *choice {
                ValueRef::String(text) => Some(json!(text)),
                ValueRef::Integer(number) => i64::try_from(number).ok().map(Value::from),
                _ => None,
            });
            json!({ "enum": choices.collect::<Vec<_>>() })
        }
        ValueType::Table(keys) => {
            let mut table = Table::default();
            table.own(keys);
            table.into_schema()
        }
        ValueType::Secret => json!(false),
        ValueType::Any => json!({}),
    }
}

fn limit(schema: &mut Value, name: &str, limit: Option<Value>) {
    if let Some(limit) = limit {
        schema[name] = limit;
    }
}

fn sized(mut schema: Value, least: &str, most: &str, min: usize, max: usize) -> Value {
    limit(&mut schema, least, (min > 0).then(|| min.into()));
    limit(&mut schema, most, (max < usize::MAX).then(|| max.into()));
    schema
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
