//! Index mappings made from registered schemas, and fields added for new versions.

use std::sync::{Mutex, MutexGuard, PoisonError};

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

    /// The fields of the records' schemas that the indexes have no types for.
    pub(crate) fn missing(&self, records: &[SinkRecord]) -> Vec<SchemaColumn> {
        let known = self.columns();
        OnNewField::Add.columns_to_add(records, |name| known.iter().any(|column| column.name == name))
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
