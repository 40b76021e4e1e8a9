//! The settings of a topic mapping.

use danube_sink::{
    config::{Diagnostic, Diagnostics},
    prelude::*,
};

use super::{index_template::IndexTemplate, name::violation, time_format::is_known};

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::is_consistent)]
pub(crate) struct Index {
    /// Name of the index, alias or data stream, as a template: `orders`, or `orders-{attribute:tenant}-{publish_time:%Y.%m.%d}`.
    #[setting(validate = is_index_name)]
    pub(crate) index: Template,
    /// Id of the document, as a template: `{/order/id}`, `{key}`, `{attribute:id}`, or the record's own `{id}`. Without it the
    /// server makes ids, and a record that is written again is a second document.
    pub(crate) id: Option<Template>,
    /// Routing value, as a template: documents with the same value are in one shard. Without it, the id.
    pub(crate) routing: Option<Template>,
    /// Ingest pipeline that the documents go through, as a template.
    pub(crate) pipeline: Option<Template>,
    /// Whether `index` is a data stream: documents are only added, and each needs a field `@timestamp`.
    #[setting(default = false)]
    pub(crate) data_stream: bool,
    /// What a record does to a document that has its id: `index` replaces it, `create` keeps it.
    pub(crate) op_type: OpType,
    /// Field with the version of the document, an integer that grows with each change: `/updated_at`, `offset` or
    /// `publish_time`. Without it, the publish time in milliseconds and the offset make the version.
    #[setting(validate = is_number)]
    pub(crate) version: Option<Field>,
    /// Which versions replace a document: `external_gte`, the same and higher ones; `external`, only higher ones.
    pub(crate) version_type: VersionType,
    /// Field with the operation (insert, update or delete), such as `attribute:op` or `/op`. Without it, only a tombstone deletes.
    pub(crate) operation: Option<Field>,
    /// Fields of the document: names, pointers, or `{ customer = "/customer/id" }` with other names. Without it, the payload is the
    /// document.
    #[setting(example = ["id", "/customer/name"])]
    pub(crate) fields: Option<NamedFields>,
    /// Metadata to add to the document: `["offset"]`, or with other names `{ publish_time = "@timestamp" }`.
    pub(crate) metadata: MetadataColumns,
    /// Maximum number of indexes that the records may name within an hour; a record of a further one is rejected. Each of several
    /// instances (`tasks`) counts those of its own records.
    #[setting(default = 1000, range = 1..)]
    pub(crate) max_open_indexes: usize,
    /// Unit of numbers in `date`, `date_nanos` and `date_range` fields of the index template, since 1970: seconds or milliseconds;
    /// without it, a record with such a number is rejected.
    pub(crate) time_unit: Option<TimeUnit>,
    /// Index template that the connector makes at start.
    pub(crate) index_template: Option<IndexTemplate>,
}

/// What a record does to a document that has its id.
#[derive(Setting, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum OpType {
    #[default]
    Index,
    Create,
}

/// Which versions replace a document.
#[derive(Setting, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum VersionType {
    #[default]
    ExternalGte,
    External,
}

impl VersionType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ExternalGte => "external_gte",
            Self::External => "external",
        }
    }
}

impl Index {
    /// Whether documents are only added, never replaced or deleted.
    pub(crate) fn only_creates(&self) -> bool {
        self.data_stream || self.op_type == OpType::Create
    }

    /// The serializer of documents; `None` if the payload is the document.
    pub(crate) fn row(&self) -> Option<JsonRow> {
        let is_payload = self.fields.is_none() && self.metadata.is_empty();
        (!is_payload).then(|| JsonRow::new(self.fields.as_ref(), &self.metadata))
    }

    /// Whether the index template takes fields from the registered schema.
    pub(crate) fn has_fields_from_schema(&self) -> bool {
        self.index_template.as_ref().is_some_and(|template| template.fields_from_schema)
    }

    fn is_consistent(&self) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        if self.operation.is_some() && (self.id.is_none() || self.only_creates()) {
            let message = "a deletion needs an `id`, and documents that may be replaced";
            let help = "set `id`, without `data_stream` and `op_type = \"create\"`; or remove `operation`";
            diagnostics.push(Diagnostic::of_key("operation", message, help));
        }
        if self.version.is_some() && (self.id.is_none() || self.only_creates()) {
            let message = "only documents with an `id` that may be replaced have versions";
            let help = "set `id`, without `data_stream` and `op_type = \"create\"`; or remove `version`";
            diagnostics.push(Diagnostic::of_key("version", message, help));
        }
        if self.fields.is_some() && self.has_fields_from_schema() {
            let message = "documents with chosen fields are not those of the registered schema";
            let help = "name their types in `index_template.fields` instead of `fields_from_schema`";
            diagnostics.push(Diagnostic::of_key("fields", message, help));
        }
        if self.index_template.as_ref().is_some_and(IndexTemplate::is_generated) && is_broad(&self.index.pattern("*")) {
            let message = "its template would be for the indexes of others, too";
            let help = "begin `index` with a constant, such as `orders-{attribute:tenant}`";
            diagnostics.push(Diagnostic::of_key("index_template", message, help));
        }
        if let Some(unit) = self.time_unit.filter(|unit| !is_known(*unit)) {
            let message = format!("servers have no format for numbers that count {unit}");
            let help = "have them sent as text, such as `2018-02-07T01:26:13.847123Z`, or in milliseconds";
            diagnostics.push(Diagnostic::of_key("time_unit", message, help));
        }
        if self.time_unit.is_some() && !self.index_template.as_ref().is_some_and(IndexTemplate::is_generated) {
            let message = "it is for an `index_template` that is made from the mapping";
            let help = "add `index_template`; or set `format` of the fields in your own template or index, and remove `time_unit`";
            diagnostics.push(Diagnostic::of_key("time_unit", message, help));
        }
        let fields = self.fields.iter().flat_map(NamedFields::names);
        if let Err(repeated) = self.metadata.differ_from(fields) {
            diagnostics.push(repeated);
        }
        diagnostics.into_result()
    }
}

/// Whether a pattern matches the names of any beginning.
fn is_broad(pattern: &str) -> bool {
    let constant = pattern.split('*').next().unwrap_or_default();
    !constant.contains(char::is_alphanumeric)
}

/// Rejects names that no value of a record could make valid.
fn is_index_name(index: &Template) -> Result<(), String> {
    match violation(&index.sample("x")) {
        Some(reason) => Err(format!("no index can have this name: {reason}")),
        None => Ok(()),
    }
}

fn is_number(version: &Field) -> Result<(), &'static str> {
    match version {
        Field::Metadata(Metadata::Offset | Metadata::PublishTime) | Field::Payload(_) | Field::Attribute(_) => Ok(()),
        Field::Metadata(_) => Err("it is no number that grows: use `offset`, `publish_time` or a field of your own"),
    }
}
