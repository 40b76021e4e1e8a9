//! The settings of a topic mapping.

use std::collections::BTreeMap;

use danube_sink::{
    config::{Diagnostic, Diagnostics},
    prelude::*,
};
use danube_sink_postgres::{Tombstones, check_table};

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::is_consistent)]
pub(crate) struct Vectors {
    /// Name of the table, `table` or `schema.table`; case-sensitive. With placeholders, each record chooses its table:
    /// `documents_{/tenant}`.
    #[setting(validate = check_table)]
    pub(crate) table: Template,
    /// Maximum number of tables whose columns are remembered, if `table` has placeholders.
    #[setting(default = 100, range = 1..)]
    pub(crate) max_open_tables: usize,
    /// Whether to create the extension, the table and its index if they are missing.
    #[setting(default = true)]
    pub(crate) create: bool,
    /// Number of dimensions of an embedding; a record with another number is rejected.
    #[setting(range = 1..=16_000)]
    pub(crate) dimensions: usize,
    /// Type of the embedding in a new table; without it, `vector`, and `halfvec` where an index needs it: above 2 000 dimensions.
    pub(crate) vector_type: Option<VectorType>,
    /// Field with the id, such as `/id`, `key` or `attribute:doc`; `id` is the UUID of the record's id. A record replaces the row
    /// with its id.
    #[setting(default = "/id")]
    pub(crate) id: Field,
    /// Path of the embedding in the payload, an array of numbers.
    #[setting(default = "/embedding")]
    pub(crate) embedding: Pointer,
    /// Path of the value for the column `text`; without it, the column is not written.
    pub(crate) text: Option<Pointer>,
    /// Path of the value for the column `payload`, which is jsonb; without it, the column is not written.
    pub(crate) payload: Option<Pointer>,
    /// Columns beside the vector, to filter by.
    #[setting(default = [])]
    pub(crate) columns: Vec<FilterColumn>,
    /// Whether each other field of the payload fills the column of its name, to filter by. A new table gets the columns of the registered
    /// schema, the latest version of `expected_schema_subject`.
    #[setting(default = false)]
    pub(crate) columns_from_schema: bool,
    /// For `columns_from_schema`: what to do with a field that has no column: `add` one of the type that the record's registered schema
    /// says, `ignore` the field, or `reject` the record.
    pub(crate) on_new_field: OnNewField,
    /// Unit of numbers in `timestamptz` and `timestamp` columns, since 1970; without it, a record with such a number is rejected.
    pub(crate) time_unit: Option<TimeUnit>,
    /// Metadata columns: `["offset"]`, or with other names `{ offset = "_offset" }`.
    pub(crate) metadata: MetadataColumns,
    /// What to do with a tombstone, an empty payload with a routing key. To `delete` needs the right to.
    #[setting(default = "delete")]
    pub(crate) tombstones: Tombstones,
    /// Field with the operation (insert, update or delete), such as `attribute:op` or `/op`; without it, every record with a
    /// payload is written.
    pub(crate) operation: Option<Field>,
    /// Distance of the index, for the operator `<=>` (`cosine`), `<->` (`l2`) or `<#>` (`inner_product`).
    #[setting(default = "cosine", one_of = ["cosine", "l2", "inner_product"])]
    pub(crate) distance: String,
    /// Index type: `hnsw`, a graph; `ivfflat`, which needs existing rows to be good; or `none`, so that queries compare every
    /// row. Indexes support up to 2 000 dimensions of `vector`, and 4 000 of `halfvec`.
    #[setting(default = "hnsw", one_of = ["hnsw", "ivfflat", "none"])]
    pub(crate) index: String,
    /// Parameters of a new index: `m` and `ef_construction` of `hnsw`, `lists` of `ivfflat`.
    #[setting(default)]
    pub(crate) index_parameters: BTreeMap<String, u32>,
    /// Whether to create the index on an existing table too, if the column has none with this distance. Other writers of the
    /// table wait until it is built; if that takes longer than `write_timeout_ms`, the connector ends.
    #[setting(default = false)]
    pub(crate) index_existing: bool,
}

/// The type of an embedding.
#[derive(Setting, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VectorType {
    /// Four bytes a number.
    Vector,
    /// Two bytes a number.
    Halfvec,
}

/// A column beside the vector.
#[derive(Setting, Debug)]
pub(crate) struct FilterColumn {
    /// Name of the column.
    #[setting(length = 1..)]
    pub(crate) name: String,
    /// Type of the column in a new table, such as `text`, `bigint` or `timestamptz`.
    #[setting(rename = "type", default = "text", length = 1..)]
    pub(crate) kind: String,
    /// Field of a record with the value.
    pub(crate) from: Field,
}

impl VectorType {
    /// The type's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Halfvec => "halfvec",
        }
    }

    /// The most dimensions that pgvector indexes.
    fn most_indexed(self) -> usize {
        match self {
            Self::Vector => 2_000,
            Self::Halfvec => 4_000,
        }
    }
}

impl Vectors {
    /// The type of the embedding in a new table.
    pub(crate) fn vector_type(&self) -> VectorType {
        let needs_half = self.is_indexed() && self.dimensions > VectorType::Vector.most_indexed();
        self.vector_type.unwrap_or(if needs_half { VectorType::Halfvec } else { VectorType::Vector })
    }

    fn is_indexed(&self) -> bool {
        self.create && self.index != "none"
    }

    fn is_consistent(&self) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let (kind, most) = (self.vector_type().name(), self.vector_type().most_indexed());
        if self.is_indexed() && self.dimensions > most {
            let message = format!("pgvector indexes up to {most} dimensions of the type {kind}");
            let other = if most < 4_000 && self.dimensions <= 4_000 { ", or vector_type = \"halfvec\"" } else { "" };
            let help = format!("set index = \"none\": queries then compare every row{other}");
            diagnostics.push(Diagnostic::of_key("dimensions", message, help));
        }
        let known: &[&str] = match self.index.as_str() {
            "hnsw" => &["m", "ef_construction"],
            "ivfflat" => &["lists"],
            _ => &[],
        };
        if let Some(unknown) = self.index_parameters.keys().find(|name| !known.contains(&name.as_str())) {
            let message = format!("an index `{}` has no parameter `{unknown}`", self.index);
            let help = "`hnsw` has `m` and `ef_construction`, `ivfflat` has `lists`";
            diagnostics.push(Diagnostic::of_key("index_parameters", message, help));
        }
        if self.index_existing && self.table.constant().is_none() {
            let message = "is for one table, which `table` names";
            diagnostics.push(Diagnostic::of_key(
                "index_existing",
                message,
                "create the indexes yourself, and remove it",
            ));
        }
        if self.columns_from_schema && self.operation.is_some() {
            let help = "name the `columns`: a change is not a row, but has one in it";
            diagnostics.push(Diagnostic::of_key("columns_from_schema", "conflicts with `operation`", help));
        }
        if !self.columns_from_schema && self.on_new_field != OnNewField::Reject {
            let help = "set `columns_from_schema = true`, or remove it";
            diagnostics.push(Diagnostic::of_key("on_new_field", "is for `columns_from_schema`", help));
        }
        let mut names: Vec<&str> = vec!["id", "embedding"];
        names.extend(self.text.as_ref().map(|_| "text"));
        names.extend(self.payload.as_ref().map(|_| "payload"));
        let metadata = self.metadata.names().map(|name| ("metadata", name));
        let columns = self.columns.iter().map(|column| ("columns", column.name.as_str()));
        for (key, name) in metadata.chain(columns) {
            if names.contains(&name) {
                let message = format!("the column `{name}` exists already");
                diagnostics.push(Diagnostic::of_key(key, message, "remove it, or give it another name"));
            }
            names.push(name);
        }
        diagnostics.into_result()
    }
}
