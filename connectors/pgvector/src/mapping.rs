//! The settings of a topic mapping.

use danube_sink::{
    config::{Diagnostic, Diagnostics},
    prelude::*,
};

/// The most dimensions that pgvector indexes of the type `vector`.
const MOST_INDEXED: usize = 2_000;

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::is_consistent)]
pub struct Vectors {
    /// Name of the table, `table` or `schema.table`; case-sensitive.
    #[setting(length = 1..)]
    pub(crate) table: String,
    /// Whether to create the extension, the table and its index if they are missing.
    #[setting(default = true)]
    pub(crate) create: bool,
    /// Number of dimensions of an embedding; a record with another number is rejected.
    #[setting(range = 1..=16_000)]
    pub(crate) dimensions: usize,
    /// Path of the id in the payload; a record replaces the row with its id.
    #[setting(default = "/id")]
    pub(crate) id: Pointer,
    /// Path of the embedding in the payload, an array of numbers.
    #[setting(default = "/embedding")]
    pub(crate) embedding: Pointer,
    /// Path of the value for the column `text`; without it, the column is not written.
    pub(crate) text: Option<Pointer>,
    /// Path of the value for the column `payload`, which is jsonb; without it, the column is not written.
    pub(crate) payload: Option<Pointer>,
    /// Metadata columns, named like the metadata.
    #[setting(default = [])]
    pub(crate) metadata: Vec<Metadata>,
    /// Distance of the index, for the operator `<=>` (`cosine`), `<->` (`l2`) or `<#>` (`inner_product`).
    #[setting(default = "cosine", one_of = ["cosine", "l2", "inner_product"])]
    pub(crate) distance: String,
    /// Index type: `hnsw`, a graph; `ivfflat`, which needs existing rows to be good; or `none`, so that queries compare every
    /// row. Indexes support up to 2 000 dimensions.
    #[setting(default = "hnsw", one_of = ["hnsw", "ivfflat", "none"])]
    pub(crate) index: String,
    /// Whether to create the index on an existing table too, if the column has none with this distance. Other writers of the
    /// table wait until it is built; if that takes longer than `write_timeout_ms`, the connector ends.
    #[setting(default = false)]
    pub(crate) index_existing: bool,
}

impl Vectors {
    fn is_consistent(&self) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        if self.create && self.index != "none" && self.dimensions > MOST_INDEXED {
            let message = format!("pgvector indexes up to {} dimensions of the type vector", MOST_INDEXED);
            let help =
                "set index = \"none\": queries then compare every row, unless you create an index on halfvec yourself";
            diagnostics.push(Diagnostic::of_key("dimensions", message, help));
        }
        for (number, which) in self.metadata.iter().enumerate() {
            if *which == Metadata::Id || self.metadata[..number].contains(which) {
                let message = format!("the column `{which}` exists already");
                diagnostics.push(Diagnostic::of_key("metadata", message, "remove it"));
            }
        }
        diagnostics.into_result()
    }
}
