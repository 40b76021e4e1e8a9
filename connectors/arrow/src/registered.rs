//! Columns from a topic's registered schema.

use std::sync::Arc;

use arrow_schema::{
    DataType::{self, Binary, Boolean, Date32, Float32, Float64, Int32, Int64, List, Map, Struct, Timestamp, Utf8},
    Field as Column, TimeUnit,
};
use danube_sink::{SchemaInfo, SchemaType};
use serde_json::Value;

/// Nesting depth of a schema, beyond which values become JSON text.
const DEPTH: usize = 32;
/// Precision of decimals that fit into 128 bits.
const PRECISION: u64 = 38;

/// Columns of a registered schema: Avro records and JSON Schemas of objects. A field that may be missing or null is nullable. What
/// has no Arrow type, such as a union of several types, becomes a string column with its JSON text.
///
/// ```
/// use danube_sink::{SchemaInfo, SchemaType};
/// use danube_sink_arrow::registered_columns;
///
/// let definition = r#"{"type":"object","properties":{"id":{"type":"integer"},"at":{"type":"string","format":"date-time"}},"required":["id"]}"#;
/// let schema = SchemaInfo {
///     subject: "users".into(),
///     version: 1,
///     schema_type: SchemaType::JsonSchema,
///     definition: definition.into(),
///     fingerprint: String::new(),
/// };
/// let columns = registered_columns(&schema).unwrap();
/// let shown: Vec<_> = columns.iter().map(|column| (column.name().as_str(), column.is_nullable())).collect();
/// assert_eq!(shown, [("at", true), ("id", false)]);
/// ```
///
/// # Errors
/// Why the schema has no columns.
pub fn registered_columns(schema: &SchemaInfo) -> Result<Vec<Column>, String> {
    let because = |reason: &str| {
        let SchemaInfo { subject, version, .. } = schema;
        format!("the schema {subject}, version {version}, has no columns: {reason}; name the columns in the mapping")
    };
    let definition: Value = serde_json::from_str(&schema.definition).unwrap_or_default();
    let columns = match schema.schema_type {
        SchemaType::Avro => Avro { names: Vec::new() }.kind(&definition, 0),
        SchemaType::JsonSchema => Some(JsonSchema(&definition).kind(&definition, 0)),
        other => return Err(because(&format!("it is {other}, not Avro or JSON Schema"))),
    };
    match columns {
        Some(Struct(columns)) if !columns.is_empty() => {
            Ok(columns.iter().map(|column| Column::clone(column)).collect())
        }
        _ => Err(because("it does not list the fields of an object")),
    }
}

fn list(item: DataType, is_nullable: bool) -> DataType {
    List(Arc::new(Column::new("item", item, is_nullable)))
}

fn map(value: DataType, is_nullable: bool) -> DataType {
    let entry = [Column::new("key", Utf8, false), Column::new("value", value, is_nullable)];
    Map(Arc::new(Column::new("entries", Struct(entry.into_iter().collect()), false)), false)
}

/// Avro's types, and the named ones so far.
struct Avro<'s> {
    names: Vec<(&'s str, Option<DataType>)>,
}

impl<'s> Avro<'s> {
    /// The type of a schema; `None` for one that becomes JSON text.
    fn kind(&mut self, schema: &'s Value, depth: usize) -> Option<DataType> {
        if depth > DEPTH {
            return None;
        }
        let name = match schema {
            Value::String(name) => name,
            Value::Object(_) => match &schema["type"] {
                Value::String(name) => name,
                nested => return self.kind(nested, depth + 1),
            },
            _ => return None,
        };
        match name.as_str() {
            "record" | "error" => {
                let position = self.names.len();
                // A record within itself becomes JSON text.
                self.names.push((short(schema["name"].as_str().unwrap_or_default()), None));
                let fields = schema["fields"].as_array()?.iter();
                let columns = fields.map(|field| {
                    let (kind, is_nullable) = self.value(&field["type"], depth + 1);
                    Column::new(field["name"].as_str().unwrap_or_default(), kind, is_nullable)
                });
                let kind = Struct(columns.collect());
                self.names[position].1 = Some(kind.clone());
                Some(kind)
            }
            "array" => {
                let (item, is_nullable) = self.value(&schema["items"], depth + 1);
                Some(list(item, is_nullable))
            }
            "map" => {
                let (value, is_nullable) = self.value(&schema["values"], depth + 1);
                Some(map(value, is_nullable))
            }
            "enum" | "fixed" => {
                let kind = logical(schema).unwrap_or(if name == "enum" { Utf8 } else { Binary });
                self.names.push((short(schema["name"].as_str().unwrap_or_default()), Some(kind.clone())));
                Some(kind)
            }
            primitive => logical(schema).or_else(|| plain(primitive)).or_else(|| {
                let known = self.names.iter().rfind(|(known, _)| *known == short(primitive));
                known.and_then(|(_, kind)| kind.clone())
            }),
        }
    }

    /// The type of a value and whether it may be null.
    fn value(&mut self, schema: &'s Value, depth: usize) -> (DataType, bool) {
        let Some(branches) = schema.as_array() else { return (self.kind(schema, depth).unwrap_or(Utf8), false) };
        let is_null = |branch: &&Value| *branch == "null";
        let others: Vec<_> = branches.iter().filter(|branch| !is_null(branch)).collect();
        // The types of all branches are read, since later ones may name them.
        let kinds: Vec<_> = others.iter().map(|branch| self.kind(branch, depth)).collect();
        let kind = if let [Some(kind)] = &kinds[..] { kind.clone() } else { Utf8 };
        (kind, others.len() < branches.len() || others.len() > 1)
    }
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn plain(name: &str) -> Option<DataType> {
    Some(match name {
        "boolean" => Boolean,
        "int" => Int32,
        "long" => Int64,
        "float" => Float32,
        "double" => Float64,
        "bytes" => Binary,
        "string" => Utf8,
        _ => return None,
    })
}

/// The type of a logical type, by its text in `SinkRecord::payload`.
fn logical(schema: &Value) -> Option<DataType> {
    let unit = |name: &str| match name {
        "millis" => Some(TimeUnit::Millisecond),
        "micros" => Some(TimeUnit::Microsecond),
        "nanos" => Some(TimeUnit::Nanosecond),
        _ => None,
    };
    let name = schema.get("logicalType")?.as_str()?;
    Some(match name {
        "date" => Date32,
        "uuid" | "duration" | "big-decimal" | "time-millis" | "time-micros" => Utf8,
        "decimal" => {
            let (precision, scale) = (schema["precision"].as_u64()?, schema["scale"].as_u64().unwrap_or(0));
            match (u8::try_from(precision), i8::try_from(scale)) {
                (Ok(digits), Ok(scale)) if precision <= PRECISION => DataType::Decimal128(digits, scale),
                _ => Utf8,
            }
        }
        _ => match name.strip_prefix("local-timestamp-") {
            Some(name) => Timestamp(unit(name)?, None),
            None => Timestamp(unit(name.strip_prefix("timestamp-")?)?, Some("UTC".into())),
        },
    })
}

/// A JSON Schema, with its definitions.
struct JsonSchema<'s>(&'s Value);

impl JsonSchema<'_> {
    /// The type of a schema; one without an Arrow type becomes JSON text.
    fn kind(&self, schema: &Value, depth: usize) -> DataType {
        let schema = self.resolved(schema);
        if depth > DEPTH {
            return Utf8;
        }
        match (type_names(schema).as_slice(), schema["format"].as_str()) {
            (["integer"], _) => Int64,
            (["number"] | ["integer", "number"] | ["number", "integer"], _) => Float64,
            (["boolean"], _) => Boolean,
            (["string"], Some("date-time")) => Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            (["string"], Some("date")) => Date32,
            (["array"], _) if schema["items"].is_object() => list(self.kind(&schema["items"], depth + 1), true),
            (["object"] | [], _) => match schema["properties"].as_object() {
                Some(fields) if !fields.is_empty() => {
                    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
                    let column = |(name, field): (&String, &Value)| {
                        let is_nullable = !required.iter().any(|required| required == name) || self.is_nullable(field);
                        Column::new(name, self.kind(field, depth + 1), is_nullable)
                    };
                    Struct(fields.iter().map(column).collect())
                }
                _ => Utf8,
            },
            _ => Utf8,
        }
    }

    fn is_nullable(&self, schema: &Value) -> bool {
        match &self.resolved(schema)["type"] {
            Value::String(name) => name == "null",
            Value::Array(names) => names.iter().any(|name| name == "null"),
            _ => true,
        }
    }

    /// The schema that a reference within the document names.
    fn resolved<'v>(&'v self, schema: &'v Value) -> &'v Value {
        let named = schema["$ref"].as_str().and_then(|name| self.0.pointer(name.strip_prefix('#')?));
        named.unwrap_or(schema)
    }
}

/// The names of the types that a schema allows, other than null.
fn type_names(schema: &Value) -> Vec<&str> {
    let names = match &schema["type"] {
        Value::String(name) => std::slice::from_ref(name).iter().map(String::as_str).collect(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    names.into_iter().filter(|name| *name != "null").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(schema_type: SchemaType, definition: &str) -> Result<Vec<String>, String> {
        let (subject, fingerprint) = ("s".to_owned(), String::new());
        let schema = SchemaInfo { subject, version: 2, schema_type, definition: definition.to_owned(), fingerprint };
        let shown = |column: &Column| {
            let null = if column.is_nullable() { "?" } else { "" };
            format!("{}{null}: {}", column.name(), column.data_type())
        };
        Ok(registered_columns(&schema)?.iter().map(shown).collect())
    }

    #[test]
    fn avro_records_have_columns() {
        let definition = r#"{"type":"record","name":"shop.Order","fields":[
            {"name":"id","type":"long"},
            {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
            {"name":"at","type":["null",{"type":"long","logicalType":"timestamp-millis"}]},
            {"name":"day","type":{"type":"int","logicalType":"date"}},
            {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A"]}},
            {"name":"other","type":"shop.Kind"},
            {"name":"tags","type":{"type":"array","items":"string"}},
            {"name":"sizes","type":{"type":"map","values":"int"}},
            {"name":"parent","type":["null","Order"]},
            {"name":"any","type":["int","string"]}]}"#;
        assert_eq!(
            columns(SchemaType::Avro, definition).unwrap(),
            [
                "id: Int64",
                "total: Decimal128(10, 2)",
                "at?: Timestamp(ms, \"UTC\")",
                "day: Date32",
                "kind: Utf8",
                "other: Utf8",
                "tags: List(non-null Utf8)",
                "sizes: Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": non-null Int32), unsorted)",
                "parent?: Utf8",
                "any?: Utf8",
            ]
        );
    }

    #[test]
    fn json_schemas_of_objects_have_columns() {
        let definition = r##"{"type":"object","required":["id","user","may"],"properties":{
            "id":{"type":"integer"},"user":{"$ref":"#/$defs/User"},"may":{"type":["number","null"]},
            "at":{"type":"string","format":"date-time"},"list":{"type":"array","items":{"type":"boolean"}},"any":{}},
            "$defs":{"User":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}}"##;
        assert_eq!(
            columns(SchemaType::JsonSchema, definition).unwrap(),
            [
                "any?: Utf8",
                "at?: Timestamp(µs, \"UTC\")",
                "id: Int64",
                "list?: List(Boolean)",
                "may?: Float64",
                "user: Struct(\"name\": non-null Utf8)",
            ]
        );
    }

    #[test]
    fn a_schema_without_fields_is_an_error() {
        for (kind, definition) in
            [(SchemaType::Avro, "\"long\""), (SchemaType::JsonSchema, "{}"), (SchemaType::Number, "")]
        {
            let error = columns(kind, definition).unwrap_err();
            assert!(error.contains("the schema s, version 2, has no columns"), "{error}");
        }
    }
}
