//! The settings of a topic mapping.

use std::collections::BTreeMap;

use danube_sink::{
    config::{Diagnostic, Diagnostics},
    prelude::*,
};
use serde_json::{Map, Value, json};

use super::{
    json::Json,
    point::path_in,
    vectors::{Params, UNNAMED, Vectors},
};

/// The longest name of a collection, in bytes.
const LONGEST: usize = 255;

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::is_consistent)]
pub(crate) struct Collection {
    /// Name of the collection, also by content: `docs_{attribute:tenant}`, `docs_{publish_time:%Y-%m}`.
    #[setting(example = "documents", validate = is_name)]
    pub(crate) collection_name: Template,
    /// Field of a record with the id of its point. An unsigned integer and a UUID are the id as they are, also as a string;
    /// any other integer or string becomes a UUID (version 5, namespace of URLs). `id` is the record's own id, `key` its routing key.
    #[setting(default = "/id")]
    pub(crate) id: Field,
    /// Path of the vector in the payload: an array of numbers, an array of arrays (multivector), or an object of vectors by
    /// name. A sparse vector is `{"indices": […], "values": […]}`. Without it and `vectors`, `/vector`.
    pub(crate) vector: Option<Pointer>,
    /// Paths of named vectors in the payload: `{ text = "/embedding", words = "/sparse" }`. A record may leave some of them out.
    #[setting(length = 1..)]
    pub(crate) vectors: Option<BTreeMap<String, Pointer>>,
    /// Path of the object in the payload that becomes the payload of the point, without the vectors in it; `""` is the whole
    /// payload of the record.
    #[setting(default = "/payload")]
    pub(crate) payload: Pointer,
    /// More fields for the payload of the point: `{ tenant = "attribute:tenant", published = "publish_time" }`, or attributes and fields
    /// of the record's payload under their own names.
    #[setting(example = ["/customer/name", "attribute:tenant"])]
    pub(crate) fields: Option<NamedFields>,
    /// Field with the operation (insert, update or delete), such as `/op` or `attribute:op`. Without it, records are points to
    /// insert or replace. A record without a payload (tombstone) deletes a point in any case.
    pub(crate) operation: Option<Field>,
    /// Payload indexes, created if they are missing: `{ year = "integer", tenant = { type = "keyword", is_tenant = true } }`.
    pub(crate) payload_indexes: Option<Table>,
    /// Whether each other field of the payload that an index can have gets one, by the registered schema: the latest version of
    /// `expected_schema_subject`. In `payload_indexes`, `text = false` leaves a field out.
    #[setting(default = false)]
    pub(crate) payload_indexes_from_schema: bool,
    /// For `payload_indexes_from_schema`: what a field does that the schema did not have at start: `add` an index of the type that the
    /// record's registered schema says, `ignore` it, so that it is stored without an index, or `reject` the record.
    #[setting(default = "add")]
    pub(crate) on_new_field: OnNewField,
    /// Creates the collection if it is missing.
    pub(crate) create: Option<Create>,
    /// Whether to wait until the points are applied. Without it, Qdrant answers when they are in its write-ahead log, and reports
    /// no point that it cannot apply.
    #[setting(default = true)]
    pub(crate) wait: bool,
    /// Ordering of writes in a cluster: `weak`, `medium` or `strong`; without it, the server's default.
    #[setting(one_of = ["weak", "medium", "strong"])]
    pub(crate) ordering: Option<String>,
}

/// A table of Qdrant's API.
type Table = BTreeMap<String, Json>;

/// How a missing collection is created: names and values are those of Qdrant's API.
#[derive(Setting, Debug)]
#[setting(validate = Self::has_vectors)]
pub(crate) struct Create {
    /// Dense vectors: `{ size = 384, distance = "Cosine" }`, or by name: `{ text = { size = 384, distance = "Cosine" } }`.
    vectors: Option<Table>,
    /// Sparse vectors by name: `{ words = { modifier = "idf" } }`.
    sparse_vectors: Option<Table>,
    /// The graph of the vectors: `{ m = 16, ef_construct = 100 }`; `{ m = 0, payload_m = 16 }` for tenants.
    hnsw_config: Option<Table>,
    /// Quantization of the vectors: `{ scalar = { type = "int8", always_ram = true } }`.
    quantization_config: Option<Table>,
    /// When and how segments are optimized.
    optimizers_config: Option<Table>,
    /// The write-ahead log.
    wal_config: Option<Table>,
    /// Limits of the collection (strict mode).
    strict_mode_config: Option<Table>,
    /// Whether payloads stay on the server's disk.
    on_disk_payload: Option<bool>,
    /// Number of shards.
    #[setting(range = 1..)]
    shard_number: Option<u32>,
    /// Number of copies of each shard.
    #[setting(range = 1..)]
    replication_factor: Option<u32>,
    /// Number of copies that must have a write.
    #[setting(range = 1..)]
    write_consistency_factor: Option<u32>,
}

impl Create {
    /// The body of the request.
    pub(crate) fn body(&self) -> Value {
        let members = [
            ("vectors", value(&self.vectors)),
            ("sparse_vectors", value(&self.sparse_vectors)),
            ("hnsw_config", value(&self.hnsw_config)),
            ("quantization_config", value(&self.quantization_config)),
            ("optimizers_config", value(&self.optimizers_config)),
            ("wal_config", value(&self.wal_config)),
            ("strict_mode_config", value(&self.strict_mode_config)),
            ("on_disk_payload", self.on_disk_payload.map(Value::from)),
            ("shard_number", self.shard_number.map(Value::from)),
            ("replication_factor", self.replication_factor.map(Value::from)),
            ("write_consistency_factor", self.write_consistency_factor.map(Value::from)),
        ];
        let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(members.collect::<Map<_, _>>())
    }

    /// The vectors of the collection; `None` if they are not what Qdrant's API takes.
    fn vectors(&self) -> Option<Vectors> {
        let params = json!({ "vectors": value(&self.vectors), "sparse_vectors": value(&self.sparse_vectors) });
        Some(serde_json::from_value::<Params>(params).ok()?.into())
    }

    fn has_vectors(&self) -> Result<(), Diagnostic> {
        let help = "write `vectors = { size = 384, distance = \"Cosine\" }`, or such a table for each name";
        match self.vectors() {
            Some(vectors) if !vectors.is_empty() => Ok(()),
            Some(_) => Err(Diagnostic::of_key("vectors", "the collection would have no vectors", help)),
            None => Err(Diagnostic::of_key("vectors", "not the vectors of a collection", help)),
        }
    }
}

impl Collection {
    /// The vectors of a point, each with its name in the collection and its path.
    pub(crate) fn vectors(&self) -> Vec<(&str, Pointer)> {
        match &self.vectors {
            Some(named) => named.iter().map(|(name, path)| (name.as_str(), path.clone())).collect(),
            None => {
                let path = self.vector.clone().or_else(|| "/vector".parse().ok());
                vec![(UNNAMED, path.unwrap_or_default())]
            }
        }
    }

    /// The name of the collection for a record.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has no value for a placeholder, or the name is not valid with it.
    pub(crate) fn name(&self, record: &SinkRecord) -> ConnectorResult<String> {
        let template = &self.collection_name;
        let name = template.fill(record, Some)?;
        let invalid = || {
            ConnectorError::invalid_record(
                record,
                format!("`{template}` is no valid name of a collection with its values"),
            )
        };
        is_valid(&name).then_some(name).ok_or_else(invalid)
    }

    /// The payload indexes that the mapping names.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = (&String, &Value)> {
        let named = self.payload_indexes.iter().flatten().map(|(field, Json(index))| (field, index));
        named.filter(|(_, index)| **index != Value::Bool(false))
    }

    /// The vectors that the mapping names and a collection does not have.
    pub(crate) fn missing_in(&self, vectors: &Vectors) -> Option<&str> {
        self.vectors.iter().flat_map(BTreeMap::keys).find(|name| !vectors.has(name)).map(String::as_str)
    }

    fn is_consistent(&self) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        if self.vector.is_some() && self.vectors.is_some() {
            let help = "remove one: `vectors` names the vectors, `vector` is the place of all";
            diagnostics.push(Diagnostic::of_key("vector", "`vector` and `vectors` exclude each other", help));
        }
        let created = self.create.as_ref().and_then(Create::vectors);
        if let Some(name) = created.as_ref().and_then(|created| self.missing_in(created)) {
            let message = format!("`create` has no vector `{name}`");
            diagnostics.push(Diagnostic::of_key("vectors", message, "name the vector in `create`, or remove it here"));
        }
        let is_unique = matches!(&self.id, Field::Metadata(which) if *which != Metadata::Key);
        if is_unique && self.operation.is_some() {
            let help = "set `id` to a payload field, an attribute or `key`";
            diagnostics.push(Diagnostic::of_key(
                "operation",
                "no record could name the point to delete by its own id",
                help,
            ));
        }
        let is_there = |(name, field): &(&str, Field)| match field {
            Field::Payload(path) => path_in(&self.payload, path).is_some_and(|steps| steps == [*name]),
            _ => false,
        };
        if let Some((name, _)) = self.fields.iter().flat_map(NamedFields::fields).find(is_there) {
            let message = format!("`{name}` is in the payload of the point already, which is the object at `payload`");
            diagnostics.push(Diagnostic::of_key(
                "fields",
                message,
                "remove it, or give it another name: `{ name = \"/field\" }`",
            ));
        }
        if !self.payload_indexes_from_schema && self.on_new_field != OnNewField::Add {
            let help = "set `payload_indexes_from_schema = true`, or remove it";
            diagnostics.push(Diagnostic::of_key("on_new_field", "is for `payload_indexes_from_schema`", help));
        }
        diagnostics.into_result()
    }
}

fn value(table: &Option<Table>) -> Option<Value> {
    let members = table.as_ref()?.iter().map(|(name, Json(value))| (name.clone(), value.clone()));
    Some(Value::Object(members.collect()))
}

fn is_name(template: &Template) -> Result<(), &'static str> {
    is_valid(&template.sample("x"))
        .then_some(())
        .ok_or("a name of a collection has 1 to 255 bytes, without control characters and `<>:\"/\\|?*`")
}

fn is_valid(name: &str) -> bool {
    let is_allowed = |letter: char| !letter.is_control() && !r#"<>:"/\|?*"#.contains(letter);
    // A path has another meaning for these two.
    (1..=LONGEST).contains(&name.len()) && !matches!(name, "." | "..") && name.chars().all(is_allowed)
}
