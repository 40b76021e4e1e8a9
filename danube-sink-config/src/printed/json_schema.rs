//! The configuration as a JSON Schema, by which editors complete and check a file.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::entry::{Entry, Without};
use crate::{
    generated::{Declared, GeneratedConnector, SettingInfo},
    metadata::Metadata,
    read::keys::{self, Home},
    setting::Setting,
    shape::{LEVELS, Scalar, Shape},
};

/// The JSON Schema (draft 7) of a connector's file.
///
/// What only shows when several values are looked at together is left to `check`, and so is what the environment gives:
/// `danube_service_url` may be left out here.
pub fn json_schema<C: GeneratedConnector>() -> Value {
    json_schema_of(&Declared::of::<C>())
}

/// [`json_schema`] of a connector whose type is not known.
#[doc(hidden)]
pub fn json_schema_of(connector: &Declared) -> Value {
    let info = connector.info;
    let mut root = Table::default();
    root.common(Home::Root, &[]);
    for (name, home) in [("processing", Home::Processing), ("retry", Home::Retry)] {
        let mut table = Table::default();
        table.common(home, &[]);
        if home == Home::Processing {
            for unused in keys::UNUSED_PROCESSING {
                table.properties.insert((*unused).to_owned(), json!({ "description": "Has no effect." }));
            }
        }
        root.properties.insert(name.to_owned(), table.into_schema());
    }
    let mut mapping = Table::default();
    mapping.common(Home::Mapping, connector.mapping_defaults);
    mapping.own(connector.mapping);
    let mut mapping = mapping.into_schema();
    mapping["if"] =
        json!({ "properties": { "on_invalid_record": words(&["dead_letter"]) }, "required": ["on_invalid_record"] });
    mapping["then"] = json!({ "required": ["dead_letter_topic"] });

    let mut section = Table::default();
    section.own(info.settings);
    let list = json!({ "type": "array", "minItems": 1, "items": mapping });
    for name in keys::MAPPING_LISTS {
        section.properties.insert(name.to_owned(), list.clone());
    }
    section.either(&keys::MAPPING_LISTS);
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
    /// Of which keys there must be exactly one each.
    either: Vec<Value>,
}

impl Table {
    fn common(&mut self, home: Home, defaults: &[(&str, &str)]) {
        let list = if home == Home::Mapping { keys::MAPPING } else { keys::CORE };
        for key in list.iter().filter(|key| key.names(home).next().is_some()) {
            let entry = if home == Home::Mapping { Entry::mapping(key, defaults) } else { Entry::common(key, home) };
            let schema = described(&entry);
            for alias in &entry.aliases {
                self.properties.insert((*alias).to_owned(), schema.clone());
            }
            if !key.homes.contains(&home) {
                continue;
            }
            self.properties.insert(entry.name.to_owned(), schema);
            let overridable = keys::VARIABLES.iter().any(|(name, _)| *name == entry.name);
            if entry.is_required() && !overridable {
                let names: Vec<&str> = key.names(home).collect();
                self.either(&names);
            } else if !entry.aliases.is_empty() {
                let both: Vec<&str> = key.names(home).collect();
                self.either.push(json!({ "not": { "required": both } }));
            }
        }
    }

    /// Exactly one of the names must be there.
    fn either(&mut self, names: &[&str]) {
        match names {
            [only] => self.required.push((*only).into()),
            several => {
                let each: Vec<Value> = several.iter().map(|name| json!({ "required": [name] })).collect();
                self.either.push(json!({ "oneOf": each }));
            }
        }
    }

    fn own(&mut self, settings: &[SettingInfo]) {
        for setting in settings.iter().filter(|setting| setting.secret_env.is_none()) {
            let entry = Entry::own(setting);
            self.properties.insert(entry.name.to_owned(), described(&entry));
            if entry.is_required() {
                self.required.push(entry.name.into());
            }
        }
    }

    fn into_schema(self) -> Value {
        let mut schema = json!({ "type": "object", "properties": self.properties, "additionalProperties": false });
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        if !self.either.is_empty() {
            schema["allOf"] = self.either.into();
        }
        schema
    }
}

fn described(entry: &Entry) -> Value {
    let mut schema = of_shape(&entry.shape);
    if !entry.doc.is_empty() {
        schema["description"] = json!(entry.doc);
    }
    if let Without::Default(default) = &entry.without
        && let Ok(default) = default.parse::<toml::Value>()
        && let Ok(default) = serde_json::to_value(default)
    {
        schema["default"] = default;
    }
    schema
}

fn of_shape(shape: &Shape) -> Value {
    match *shape {
        Shape::Truth => json!({ "type": "boolean" }),
        Shape::Whole { min, max } => {
            let mut schema = json!({ "type": "integer" });
            limit(&mut schema, "minimum", i64::try_from(min).ok().map(Value::from));
            limit(&mut schema, "maximum", u64::try_from(max).ok().filter(|max| *max < u64::MAX).map(Value::from));
            schema
        }
        Shape::Real { min, max, .. } => {
            let mut schema = json!({ "type": "number" });
            limit(&mut schema, "minimum", min.is_finite().then(|| min.into()));
            limit(&mut schema, "maximum", max.is_finite().then(|| max.into()));
            schema
        }
        Shape::Text { min, max } => sized(json!({ "type": "string" }), "minLength", "maxLength", min, max),
        Shape::Word { words: known, .. } => words(known),
        Shape::Path => json!({ "type": "string", "minLength": 1 }),
        Shape::Pointer => json!({ "type": "string", "pattern": "^(/([^~/]|~[01])*)*$" }),
        Shape::Field => {
            let attribute = json!({ "type": "string", "pattern": "^attribute:." });
            json!({ "anyOf": [of_shape(&Shape::Pointer), attribute, of_shape(&Metadata::SHAPE)] })
        }
        Shape::Url => json!({ "type": "string", "pattern": "^[A-Za-z0-9+.-]+:." }),
        Shape::ServiceUrl | Shape::HttpUrl { .. } => json!({ "type": "string", "pattern": "^https?://[^/]" }),
        Shape::IpAddress => {
            json!({ "anyOf": [{ "type": "string", "format": "ipv4" }, { "type": "string", "format": "ipv6" }] })
        }
        Shape::HttpStatuses => {
            let statuses = json!({ "type": "string", "pattern": "^[2-5](([0-9]{2}(-[2-5][0-9]{2})?)|([xX]{2}))$" });
            json!({ "anyOf": [{ "type": "integer", "minimum": 200, "maximum": 599 }, statuses] })
        }
        Shape::LogLevel => {
            let level = LEVELS.map(any_case).join("|");
            json!({ "type": "string", "pattern": format!("^(([^,=]+=)?({level}))(,([^,=]+=)?({level}))*$") })
        }
        Shape::Topic => json!({ "type": "string", "pattern": "^/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+$" }),
        Shape::Duration { min, max, .. } => {
            let mut schema = json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|min|h|d)$" });
            if min > Duration::ZERO || max < Duration::MAX {
                schema["$comment"] = json!("its limits are told by `check`");
            }
            schema
        }
        Shape::ByteSize { .. } => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^[0-9]+ *(B|kB|KB|MB|GB|KiB|MiB|GiB)$" },
        ] }),
        Shape::List { of, min, max } => {
            sized(json!({ "type": "array", "items": of_shape(of) }), "minItems", "maxItems", min, max)
        }
        Shape::Map { of, min, max } => sized(
            json!({ "type": "object", "additionalProperties": of_shape(of) }),
            "minProperties",
            "maxProperties",
            min,
            max,
        ),
        Shape::OneOf(choices) => {
            let choices = choices.iter().filter_map(|choice| match *choice {
                Scalar::Text(text) => Some(json!(text)),
                Scalar::Whole(number) => i64::try_from(number).ok().map(Value::from),
                _ => None,
            });
            json!({ "enum": choices.collect::<Vec<_>>() })
        }
        Shape::Table(settings) => {
            let mut table = Table::default();
            table.own(settings);
            table.into_schema()
        }
        Shape::Any => json!({}),
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

/// The words for completion, and every other way in which the reader takes them.
fn words(words: &[&str]) -> Value {
    let ways: Vec<String> = words.iter().map(|word| any_way(word)).collect();
    json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": format!("^({})$", ways.join("|")) }] })
}

fn any_case(word: &str) -> String {
    word.chars().map(|char| format!("[{}{}]", char.to_ascii_lowercase(), char.to_ascii_uppercase())).collect()
}

/// A word in any case, with `_` or `-` anywhere.
fn any_way(word: &str) -> String {
    let letters = word.chars().filter(|char| !matches!(char, '_' | '-'));
    let ways = letters.map(|char| format!("[{}{}][_-]*", char.to_ascii_lowercase(), char.to_ascii_uppercase()));
    format!("[_-]*{}", ways.collect::<String>())
}
