//! Index mappings made from registered schemas, and fields added for new versions.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use danube_sink::{
    config::{Mapping, MappingSettings},
    prelude::*,
    schema::{ColumnKind, SchemaColumn},
};
use serde_json::{Map, Value, json};

use super::index::Index;

/// The fields of the registered schemas that the indexes of a mapping have types for.
#[derive(Debug, Default)]
pub(crate) struct KnownFields(Mutex<Vec<SchemaColumn>>);

impl KnownFields {
    /// The fields of a mapping's registered schema; none if the mapping does not take its types from there.
    ///
    /// # Errors
    /// The mapping names no subject, the schema cannot be looked up, or a field has the name of metadata.
    pub(crate) async fn of(mapping: &Mapping<Index>, config: &ConnectorConfig) -> ConnectorResult<Self> {
        let MappingSettings { consumer, .. } = &mapping.settings;
        if !mapping.own.has_fields_from_schema() {
            return Ok(Self::default());
        }
        let schema = config.table_schema(&mapping.settings).await?;
        let names = schema.columns().iter().map(|column| column.name.as_str());
        mapping.own.metadata.differ_from(names).map_err(|repeated| {
            ConnectorError::configuration(format!("`metadata` of {}: {}", consumer.topic, repeated.message()))
        })?;
        Ok(Self(Mutex::new(schema.columns().to_vec())))
    }

    fn columns(&self) -> MutexGuard<'_, Vec<SchemaColumn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The types of these fields, as `properties` of an index mapping.
    pub(crate) fn properties(&self) -> Map<String, Value> {
        properties(&self.columns())
    }

    /// The fields of the records' schemas that the indexes have no types for; of an object, its new fields alone.
    pub(crate) fn missing(&self, records: &[SinkRecord]) -> Vec<SchemaColumn> {
        let known = self.columns();
        let columns = OnNewField::Add.columns_to_add(records, |_| false);
        columns.into_iter().filter_map(|column| unknown_part(&known, column)).collect()
    }

    /// Forgets all fields, which an existing template may lack.
    pub(crate) fn forget(&self) {
        self.columns().clear();
    }

    /// Remembers fields that the indexes have types for now.
    pub(crate) fn add(&self, columns: &[SchemaColumn]) {
        self.columns().extend_from_slice(columns);
    }
}

/// The part of a column that the known ones do not have: a field that is an object may be among them without its new fields.
fn unknown_part(known: &[SchemaColumn], mut column: SchemaColumn) -> Option<SchemaColumn> {
    for known in known.iter().filter(|known| known.name == column.name) {
        // An index keeps another type that it has.
        let (known, fields) = (fields_of(&known.kind)?, fields_of_mut(&mut column.kind)?);
        *fields = mem::take(fields).into_iter().filter_map(|field| unknown_part(known, field)).collect();
        if fields.is_empty() {
            return None;
        }
    }
    Some(column)
}

/// The fields of an object, or of the objects of a list.
fn fields_of(kind: &ColumnKind) -> Option<&[SchemaColumn]> {
    match kind {
        ColumnKind::Struct(fields) => Some(fields),
        ColumnKind::List { of, .. } => fields_of(of),
        _ => None,
    }
}

fn fields_of_mut(kind: &mut ColumnKind) -> Option<&mut Vec<SchemaColumn>> {
    match kind {
        ColumnKind::Struct(fields) => Some(fields),
        ColumnKind::List { of, .. } => fields_of_mut(of),
        _ => None,
    }
}

/// A field that is no object, or one without fields.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// Its name, behind those of the objects that it is in.
    pub(crate) path: String,
    /// The `properties` of an index mapping with this field alone.
    properties: Map<String, Value>,
}

/// The fields in the `properties` of an index mapping, of which an index may have some in another type.
pub(crate) fn leaves(properties: Map<String, Value>) -> Vec<Leaf> {
    let mut all = Vec::new();
    for (name, mut kind) in properties {
        let fields = kind.get_mut("properties").and_then(Value::as_object_mut).map(mem::take).unwrap_or_default();
        if fields.is_empty() {
            all.push(Leaf { path: name.clone(), properties: Map::from_iter([(name, kind)]) });
            continue;
        }
        all.extend(leaves(fields).into_iter().map(|Leaf { path, properties }| Leaf {
            path: format!("{name}.{path}"),
            properties: Map::from_iter([(name.clone(), json!({ "properties": properties }))]),
        }));
    }
    all
}

/// Adds fields to the `properties` of an index mapping, also to those of objects. A field keeps the type that it has.
pub(crate) fn add_properties(properties: &mut Value, fields: &[Leaf]) {
    fields.iter().for_each(|field| add(properties, field.properties.clone()));
}

fn add(properties: &mut Value, fields: Map<String, Value>) {
    for (name, mut kind) in fields {
        let field = &mut properties[name];
        if field.is_null() {
            *field = kind;
        } else if let (Some(known @ Value::Object(_)), Some(Value::Object(more))) =
            (field.get_mut("properties"), kind.get_mut("properties"))
        {
            add(known, mem::take(more));
        }
    }
}

/// The field of this name in the `properties` of an index mapping. Dots lead to a field within objects.
pub(crate) fn field_mut<'p>(properties: &'p mut Map<String, Value>, name: &str) -> Option<&'p mut Value> {
    if properties.contains_key(name) {
        return properties.get_mut(name);
    }
    let (object, rest) = name.split_once('.')?;
    field_mut(properties.get_mut(object)?.get_mut("properties")?.as_object_mut()?, rest)
}

/// The types of metadata, as `properties` of an index mapping.
pub(crate) fn metadata(metadata: &MetadataColumns) -> Map<String, Value> {
    let kind = |which| match which {
        Metadata::Topic | Metadata::Producer | Metadata::Key | Metadata::Id => "keyword",
        Metadata::Partition => "integer",
        Metadata::Offset => "long",
        Metadata::PublishTime => "date",
    };
    metadata.iter().map(|(which, name)| (name.to_owned(), json!({ "type": kind(which) }))).collect()
}

pub(crate) fn properties(columns: &[SchemaColumn]) -> Map<String, Value> {
    columns.iter().map(|column| (column.name.clone(), of_kind(&column.kind))).collect()
}

/// The type of a field. Every field may be missing, `null` or an array.
fn of_kind(kind: &ColumnKind) -> Value {
    let name = match kind {
        ColumnKind::Bool => "boolean",
        ColumnKind::Int32 => "integer",
        ColumnKind::Int64 | ColumnKind::UInt64 => "long",
        ColumnKind::Float32 => "float",
        // Documents keep all digits; searches have those of a double.
        ColumnKind::Float64 | ColumnKind::Decimal { .. } => "double",
        ColumnKind::Bytes => "binary",
        ColumnKind::Uuid | ColumnKind::Time(_) => "keyword",
        ColumnKind::Date | ColumnKind::Timestamp { .. } => "date",
        ColumnKind::List { of, .. } => return of_kind(of),
        ColumnKind::Struct(columns) => return json!({ "properties": properties(columns) }),
        // Its names are not in the schema, whatever new fields do beside it.
        ColumnKind::Map { .. } => return json!({ "type": "object", "dynamic": true }),
        ColumnKind::Json => return json!({ "type": "object", "enabled": false }),
        // What a server makes of a string by itself.
        _ => return json!({ "type": "text", "fields": { "keyword": { "type": "keyword", "ignore_above": 256 } } }),
    };
    json!({ "type": name })
}
