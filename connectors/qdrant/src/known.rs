//! What the connector knows of a collection.

use super::vectors::Vectors;

/// What is known of a collection.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) vectors: Vectors,
    /// Maximum number of points in a request, by the collection's strict mode.
    pub(crate) most_points: usize,
}
