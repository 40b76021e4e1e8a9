//! The columns of a JSON Schema.

use serde_json::Value;

use super::{ColumnKind, MAX_DEPTH, SchemaColumn, Typed, nested};
use crate::time_unit::TimeUnit;

/// The columns; `None` if the schema is of no object with known fields.
///
/// # Errors
/// The definition is not JSON.
pub(super) fn columns(definition: &str) -> Result<Option<Vec<SchemaColumn>>, String> {
    let root: Value = serde_json::from_str(definition).map_err(|error| format!("not a JSON Schema: {error}"))?;
    let (kind, _) = Definitions(&root).typed(&root, 0);
    Ok(if let ColumnKind::Struct(columns) = kind { Some(columns) } else { None })
}

/// The whole schema, into which references point.
#[derive(Clone, Copy)]
struct Definitions<'s>(&'s Value);

impl<'s> Definitions<'s> {
    fn typed(self, schema: &'s Value, depth: usize) -> Typed {
        if depth > MAX_DEPTH {
            return (ColumnKind::Json, true);
        }
        if let Some(referred) = schema["$ref"].as_str().and_then(|path| self.0.pointer(path.strip_prefix('#')?)) {
            return self.typed(referred, depth + 1);
        }
        let choices = ["anyOf", "oneOf"].into_iter().find_map(|key| schema[key].as_array());
        if let Some(choices) = choices {
            return self.one_of(choices, depth);
        }
        if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
            return self.typed(only, depth + 1);
        }
        let types = types(schema);
        let nullable = types.contains(&"null");
        let others: Vec<_> = types.into_iter().filter(|name| *name != "null").collect();
        let kind = match others.as_slice() {
            ["boolean"] => ColumnKind::Bool,
            ["integer"] => integer(schema),
            ["number"] | ["integer", "number"] | ["number", "integer"] => ColumnKind::Float64,
            ["string"] => string(schema),
            ["array"] if schema["items"].is_object() => {
                nested(self.typed(&schema["items"], depth + 1), ColumnKind::list)
            }
            ["object"] => self.object(schema, depth),
            _ => ColumnKind::Json,
        };
        (kind, nullable || others.is_empty())
    }

    /// One type, and perhaps `null`; else any JSON.
    fn one_of(self, choices: &'s [Value], depth: usize) -> Typed {
        let is_null = |choice: &&Value| types(choice) == ["null"];
        let nullable = choices.iter().any(|choice| is_null(&choice));
        let mut others = choices.iter().filter(|choice| !is_null(choice));
        match (others.next(), others.next()) {
            (Some(only), None) => {
                let (kind, is_nullable) = self.typed(only, depth + 1);
                (kind, nullable || is_nullable)
            }
            _ => (ColumnKind::Json, true),
        }
    }

    fn object(self, schema: &'s Value, depth: usize) -> ColumnKind {
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
        match (schema["properties"].as_object(), &schema["additionalProperties"]) {
            (Some(fields), _) if !fields.is_empty() => {
                let column = |(name, field): (&String, &'s Value)| {
                    let (kind, nullable) = self.typed(field, depth + 1);
                    let doc = field["description"].as_str().map(str::to_owned);
                    SchemaColumn { name: name.clone(), kind, nullable: nullable || !required(name), doc }
                };
                ColumnKind::Struct(fields.iter().map(column).collect())
            }
            (_, values @ Value::Object(_)) => nested(self.typed(values, depth + 1), ColumnKind::map),
            _ => ColumnKind::Json,
        }
    }
}

/// The names of the types that a schema allows; that of its constants if it names none.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ if schema["properties"].is_object() => vec!["object"],
        _ => {
            let constants = schema["enum"].as_array().map_or(std::slice::from_ref(&schema["const"]), Vec::as_slice);
            if constants.iter().all(Value::is_string) { vec!["string"] } else { Vec::new() }
        }
    }
}

fn integer(schema: &Value) -> ColumnKind {
    let is_beyond = schema["maximum"].as_u64().is_some_and(|most| i64::try_from(most).is_err());
    if is_beyond && schema["minimum"].as_u64().is_some() { ColumnKind::UInt64 } else { ColumnKind::Int64 }
}

fn string(schema: &Value) -> ColumnKind {
    match schema["format"].as_str() {
        Some("date") => ColumnKind::Date,
        // A "time" has an offset, which a time of day has not.
        Some("date-time") => ColumnKind::Timestamp { unit: TimeUnit::Microseconds, zoned: true },
        Some("uuid") => ColumnKind::Uuid,
        _ => ColumnKind::String,
    }
}
