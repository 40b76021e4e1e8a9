//! Payload indexes by registered schemas.

use std::collections::{BTreeMap, HashSet};

use danube_sink::{
    config::Mapping,
    prelude::*,
    schema::{ColumnKind, SchemaColumn},
};
use serde_json::Value;

use super::{
    mapping::Collection,
    point::{path_in, steps},
};

/// Payload indexes by field, as Qdrant's API takes them.
pub(crate) type Indexes = BTreeMap<String, Value>;

/// What the registered schema of a mapping says about the payload of its points; nothing if the mapping does not use it.
#[derive(Debug, Default)]
pub(crate) struct Registered {
    /// The names of all fields.
    names: HashSet<String>,
    pub(crate) indexes: Indexes,
}

impl Registered {
    /// Reads the latest version of the schema.
    ///
    /// # Errors
    /// The mapping names no subject, the schema cannot be looked up, or it has no fields where the mapping has the payload.
    pub(crate) async fn of(mapping: &Mapping<Collection>, config: &ConnectorConfig) -> ConnectorResult<Self> {
        let Mapping { settings, own } = mapping;
        if !own.payload_indexes_from_schema {
            return Ok(Self::default());
        }
        let schema = config.table_schema(settings).await?;
        let none = || {
            let (topic, subject, version) = (&settings.consumer.topic, schema.subject(), schema.version());
            ConnectorError::configuration(format!(
                "`payload_indexes_from_schema` of {topic}: the schema {subject} version {version} has no object with known fields at \
                 `{}`: correct `payload`",
                own.payload
            ))
        };
        let fields = fields_at(&own.payload, schema.columns()).ok_or_else(none)?;
        let names =
            fields.iter().map(|field| &field.name).chain(own.payload_indexes.iter().flatten().map(|(name, _)| name));
        Ok(Self { names: names.cloned().collect(), indexes: indexes(own, fields) })
    }

    /// Whether the schema or `payload_indexes` had this field of payloads at start.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// The payload indexes for the schemas of these records, if new fields get one.
pub(crate) fn indexes_of_records(mapping: &Collection, records: &[SinkRecord]) -> Indexes {
    if !mapping.payload_indexes_from_schema {
        return Indexes::new();
    }
    let columns = mapping.on_new_field.columns_to_add(records, |_| false);
    fields_at(&mapping.payload, &columns).map(|fields| indexes(mapping, fields)).unwrap_or_default()
}

/// The indexes of fields that are no vectors, and that `payload_indexes` says nothing about.
fn indexes(mapping: &Collection, fields: &[SchemaColumn]) -> Indexes {
    let vectors = mapping.vectors();
    let is_vector = |name: &String| {
        vectors.iter().any(|(_, path)| path_in(&mapping.payload, path).is_some_and(|steps| steps == [name.as_str()]))
    };
    let is_named = |field: &String| mapping.payload_indexes.as_ref().is_some_and(|named| named.contains_key(field));
    let fields = fields.iter().filter(|field| !is_vector(&field.name));
    let indexes = fields.filter_map(|field| Some((path_of(&field.name)?, kind_of(&field.kind)?.into())));
    indexes.filter(|(field, _)| !is_named(field)).collect()
}

/// The fields of the object at a path.
fn fields_at<'s>(path: &Pointer, columns: &'s [SchemaColumn]) -> Option<&'s [SchemaColumn]> {
    let mut steps = steps(path.as_str()).skip(1);
    steps.try_fold(columns, |columns, step| match &columns.iter().find(|column| column.name == step)?.kind {
        ColumnKind::Struct(fields) => Some(fields.as_slice()),
        _ => None,
    })
}

/// The path of a field in a payload, as Qdrant's API writes it; `None` if it cannot.
fn path_of(name: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    match name {
        _ if name.is_empty() || name.contains(['"', '\\']) => None,
        _ if name.chars().all(is_plain) => Some(name.to_owned()),
        _ => Some(format!("\"{name}\"")),
    }
}

/// The type of a field's index, if it has one.
fn kind_of(kind: &ColumnKind) -> Option<&'static str> {
    Some(match kind {
        ColumnKind::Bool => "bool",
        ColumnKind::Int32 | ColumnKind::Int64 | ColumnKind::UInt64 => "integer",
        ColumnKind::Float32 | ColumnKind::Float64 => "float",
        ColumnKind::String | ColumnKind::Decimal { .. } | ColumnKind::Time(_) => "keyword",
        ColumnKind::Uuid => "uuid",
        ColumnKind::Date | ColumnKind::Timestamp { .. } => "datetime",
        // Each value is in the index. Lists of other numbers are vectors.
        ColumnKind::List { of, .. } => match kind_of(of)? {
            "float" => return None,
            _ if matches!(**of, ColumnKind::List { .. }) => return None,
            kind => kind,
        },
        _ => return None,
    })
}
