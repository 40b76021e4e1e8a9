//! What the connector knows of a collection.

use std::collections::HashSet;

use super::{registered::Indexes, vectors::Vectors};

/// What is known of a collection.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) vectors: Vectors,
    /// Fields that have a payload index.
    pub(crate) indexed: HashSet<String>,
    /// Fields of registered schemas that the server refused an index for; it is not asked again.
    pub(crate) refused: HashSet<String>,
    /// Maximum number of points in a request, by the collection's strict mode.
    pub(crate) most_points: usize,
}

impl Known {
    /// Whether the collection has all of these payload indexes that it can have.
    pub(crate) fn has(&self, indexes: &Indexes) -> bool {
        indexes.keys().all(|field| self.indexed.contains(field) || self.refused.contains(field))
    }
}
