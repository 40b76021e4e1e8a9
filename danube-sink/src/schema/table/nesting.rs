//! Limits of types that contain each other.

use super::{ColumnKind, SchemaColumn};

/// How deep types nest, at most; what is deeper is [`ColumnKind::Json`].
const MAX_DEPTH: usize = 16;

/// How many columns a schema has, at most, with those inside of its columns; a type that has more is [`ColumnKind::Json`]. Types
/// that contain each other twice have exponentially many.
const MAX_COLUMNS: usize = 5_000;

/// The types around one while the columns of a schema are read, and how many columns may follow.
pub(in crate::schema) struct Nesting<K> {
    around: Vec<K>,
    columns: usize,
}

impl<K: PartialEq> Nesting<K> {
    pub(in crate::schema) fn new() -> Self {
        Self { around: Vec::new(), columns: MAX_COLUMNS }
    }

    /// Reads what is inside of a type, which has so many columns of its own; `None` if the type is inside of itself or beyond
    /// the limits. The outermost type has all of its columns.
    pub(in crate::schema) fn enter<T>(
        &mut self,
        of: K,
        columns: usize,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        if self.around.len() >= MAX_DEPTH || self.around.contains(&of) {
            return None;
        }
        self.columns = match self.columns.checked_sub(columns) {
            None if !self.around.is_empty() => return None,
            left => left.unwrap_or_default(),
        };
        self.around.push(of);
        let inside = read(self);
        self.around.pop();
        Some(inside)
    }

    /// As [`enter`](Self::enter), of a type with columns for its fields.
    pub(in crate::schema) fn fields<F>(
        &mut self,
        of: K,
        fields: impl ExactSizeIterator<Item = F>,
        mut column: impl FnMut(&mut Self, F) -> SchemaColumn,
    ) -> ColumnKind {
        let columns = fields.len();
        let read = |nesting: &mut Self| fields.map(|field| column(nesting, field)).collect();
        self.enter(of, columns, read).map_or(ColumnKind::Json, ColumnKind::Struct)
    }
}
