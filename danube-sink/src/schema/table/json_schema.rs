//! The columns of a JSON Schema.

use std::{
    collections::{HashMap, HashSet},
    ptr::from_ref,
};

use serde_json::Value;

use super::{ColumnKind, Nesting, SchemaColumn, Typed, nested};
use crate::{json, time_unit::TimeUnit};

/// How many schemas apply to one value, at most; a type of more is [`ColumnKind::Json`].
const MAX_SCHEMAS: usize = 100;

/// The columns; `None` if the schema is of no object with known fields.
///
/// # Errors
/// The definition is not JSON.
pub(super) fn columns(definition: &str) -> Result<Option<Vec<SchemaColumn>>, String> {
    let root: Value = serde_json::from_str(definition).map_err(|error| format!("not a JSON Schema: {error}"))?;
    let mut written = Written::new();
    add_written(&root, definition.trim(), &mut written);
    let definitions = Definitions { root: &root, written: &written };
    let (kind, _) = definitions.typed(&[&root], &mut Around::new());
    Ok(if let ColumnKind::Struct(columns) = kind { Some(columns) } else { None })
}

/// The schemas around one, by their addresses.
type Around = Nesting<*const Value>;

/// The members of each object of a schema, by its address, in the order in which they are written, which [`Value`] does not keep.
type Written<'s> = HashMap<*const Value, Vec<(&'s String, &'s Value)>>;

/// Adds the objects in a value, whose valid text this is.
fn add_written<'s>(value: &'s Value, json: &str, written: &mut Written<'s>) {
    match value {
        Value::Object(members) => {
            let mut ordered = Vec::with_capacity(members.len());
            for (name, json) in json::fields(json).into_iter().flatten() {
                if let Some((name, member)) = members.get_key_value(&*name) {
                    add_written(member, json, written);
                    ordered.push((name, member));
                }
            }
            written.insert(from_ref(value), ordered);
        }
        Value::Array(items) => {
            let texts = json::items(json).into_iter().flatten();
            items.iter().zip(texts).for_each(|(item, json)| add_written(item, json, written));
        }
        _ => {}
    }
}

/// The whole schema, into which references point.
#[derive(Clone, Copy)]
struct Definitions<'s> {
    root: &'s Value,
    written: &'s Written<'s>,
}

impl<'s> Definitions<'s> {
    /// The type of a value to which all of these schemas apply.
    fn typed(self, schemas: &[&'s Value], around: &mut Around) -> Typed {
        let applied = self.applied(schemas);
        let Some(first) = schemas.first().filter(|_| applied.len() <= MAX_SCHEMAS) else {
            return (ColumnKind::Json, true);
        };
        let key = from_ref(self.target(first));
        let types = types(&applied);
        let nullable = types.is_empty() || types.contains(&"null");
        let others: Vec<_> = types.into_iter().filter(|name| *name != "null").collect();
        let kind = match others.as_slice() {
            ["boolean"] => ColumnKind::Bool,
            ["integer"] => integer(&applied),
            ["number"] | ["integer", "number"] | ["number", "integer"] => ColumnKind::Float64,
            ["string"] => string(&applied),
            ["array"] => self.values("items", ColumnKind::list, &applied, key, around),
            ["object"] => self.object(&applied, key, around),
            _ => ColumnKind::Json,
        };
        let choices =
            || applied.iter().find_map(|schema| ["anyOf", "oneOf"].iter().find_map(|of| schema[of].as_array()));
        match kind {
            ColumnKind::Json if others.is_empty() || others == ["object"] => match choices() {
                Some(choices) => {
                    let (kind, is_nullable) = self.one_of(choices, key, around);
                    (kind, if others.is_empty() { is_nullable } else { nullable })
                }
                None => (kind, nullable || others.is_empty()),
            },
            kind => (kind, nullable),
        }
    }

    /// These schemas, and those that they refer to and contain in `allOf`.
    fn applied(self, schemas: &[&'s Value]) -> Vec<&'s Value> {
        let mut applied: Vec<&Value> = Vec::new();
        let mut next: Vec<_> = schemas.iter().rev().copied().collect();
        while let Some(schema) = next.pop().filter(|_| applied.len() <= MAX_SCHEMAS) {
            if !applied.iter().any(|known| std::ptr::eq(*known, schema)) {
                applied.push(schema);
                next.extend(schema["allOf"].as_array().into_iter().flatten().rev().take(MAX_SCHEMAS + 1));
                next.extend(self.referred(schema));
            }
        }
        applied
    }

    fn referred(self, schema: &Value) -> Option<&'s Value> {
        self.root.pointer(schema["$ref"].as_str()?.strip_prefix('#')?)
    }

    /// The schema that another one is nothing but a reference to, perhaps with a description.
    fn target(self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..MAX_SCHEMAS {
            let only = || schema["allOf"].as_array().filter(|all| all.len() == 1)?.first();
            match self.referred(schema).or_else(only) {
                Some(target) if schema["properties"].is_null() => schema = target,
                _ => break,
            }
        }
        schema
    }

    /// One type, and perhaps `null`; else any JSON.
    fn one_of(self, choices: &'s [Value], key: *const Value, around: &mut Around) -> Typed {
        let is_null = |choice: &&Value| own_types(choice) == ["null"];
        let nullable = choices.iter().any(|choice| is_null(&choice));
        let mut others = choices.iter().filter(|choice| !is_null(choice));
        let only = match (others.next(), others.next()) {
            (Some(only), None) => around.enter(key, 0, |around| self.typed(&[only], around)),
            _ => None,
        };
        only.map_or((ColumnKind::Json, true), |(kind, is_nullable)| (kind, nullable || is_nullable))
    }

    fn object(self, applied: &[&'s Value], key: *const Value, around: &mut Around) -> ColumnKind {
        let names = applied.iter().filter_map(|schema| schema["required"].as_array()).flatten();
        let required: HashSet<_> = names.filter_map(Value::as_str).collect();
        let (mut fields, mut known) = (Vec::<(&str, Vec<&Value>)>::new(), HashMap::new());
        let properties = applied.iter().filter_map(|schema| self.written.get(&from_ref(&schema["properties"])));
        for &(name, field) in properties.flatten() {
            let index = *known.entry(name).or_insert(fields.len());
            match fields.get_mut(index) {
                Some((_, schemas)) => schemas.push(field),
                None => fields.push((name, vec![field])),
            }
        }
        if fields.is_empty() {
            return self.values("additionalProperties", ColumnKind::map, applied, key, around);
        }
        around.fields(key, fields.iter(), |around, (name, schemas)| {
            let (kind, nullable) = self.typed(schemas, around);
            let doc = schemas.iter().find_map(|schema| schema["description"].as_str()).map(str::to_owned);
            SchemaColumn { name: (*name).to_owned(), kind, nullable: nullable || !required.contains(name), doc }
        })
    }

    /// A list or a map, whose values have the schemas under a keyword.
    fn values(
        self,
        keyword: &str,
        kind: fn(Box<ColumnKind>, bool) -> ColumnKind,
        applied: &[&'s Value],
        key: *const Value,
        around: &mut Around,
    ) -> ColumnKind {
        let of: Vec<_> = applied.iter().map(|schema| &schema[keyword]).filter(|of| of.is_object()).collect();
        if of.is_empty() {
            return ColumnKind::Json;
        }
        around.enter(key, 0, |around| nested(self.typed(&of, around), kind)).unwrap_or(ColumnKind::Json)
    }
}

/// The types that all schemas allow which name any.
fn types<'s>(applied: &[&'s Value]) -> Vec<&'s str> {
    let named = applied.iter().map(|schema| own_types(schema)).filter(|types| !types.is_empty());
    named.reduce(|known, own| own.into_iter().filter_map(|name| in_common(&known, name)).collect()).unwrap_or_default()
}

/// The part of a type that is among others: a number may be an integer.
fn in_common<'s>(types: &[&'s str], name: &'s str) -> Option<&'s str> {
    let pairs = [(name, name), ("integer", "number"), ("number", "integer")];
    let is_pair = |(own, other): &&(&str, &str)| *own == name && types.contains(other);
    pairs.iter().find(is_pair).map(|(own, other)| if *other == "integer" { *other } else { *own })
}

/// The names of the types that a schema allows; that of its constants if it names none.
fn own_types(schema: &Value) -> Vec<&str> {
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

fn integer(applied: &[&Value]) -> ColumnKind {
    let bounds = |key: &'static str| applied.iter().filter_map(move |schema| schema[key].as_u64());
    let is_beyond = bounds("maximum").any(|most| i64::try_from(most).is_err());
    if is_beyond && bounds("minimum").next().is_some() { ColumnKind::UInt64 } else { ColumnKind::Int64 }
}

fn string(applied: &[&Value]) -> ColumnKind {
    match applied.iter().find_map(|schema| schema["format"].as_str()) {
        Some("date") => ColumnKind::Date,
        // A "time" has an offset, which a time of day has not.
        Some("date-time") => ColumnKind::Timestamp { unit: TimeUnit::Microseconds, zoned: true },
        Some("uuid") => ColumnKind::Uuid,
        _ => ColumnKind::String,
    }
}
