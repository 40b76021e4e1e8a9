//! The values of a column while they are collected: typed where a value is read at once, texts for Arrow's casts otherwise.

use std::sync::Arc;

use arrow_array::{
    ArrayRef,
    builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder},
};
use arrow_schema::DataType::{self, Boolean, Float64, UInt64};

use super::{
    scalar,
    time::is_count,
    value::{Rules, text},
    violation::Violation,
};

/// The values of a column, null where a record has none.
pub(super) enum Cells {
    Booleans(BooleanBuilder),
    /// Integers, and what Arrow stores as one.
    Integers(Int64Builder),
    Floats(Float64Builder),
    Texts(StringBuilder),
}

impl Cells {
    /// For so many values of a column of this type.
    pub(super) fn of(kind: &DataType, rows: usize) -> Self {
        match kind {
            Boolean => Self::Booleans(BooleanBuilder::with_capacity(rows)),
            // A smaller float is not the rounded larger one.
            Float64 => Self::Floats(Float64Builder::with_capacity(rows)),
            kind if *kind != UInt64 && kind.is_integer() || is_count(kind) => {
                Self::Integers(Int64Builder::with_capacity(rows))
            }
            _ => Self::Texts(StringBuilder::new()),
        }
    }

    /// Appends a value, checked by the rules of the column's type, or null if it violates them.
    pub(super) fn append(&mut self, kind: &DataType, json: &str, rules: Rules) -> Result<(), Violation> {
        let appended = match self {
            Self::Booleans(cells) => scalar::boolean(json).map(|value| cells.append_value(value)),
            Self::Integers(cells) => scalar::integer(kind, json, rules.unit).map(|value| cells.append_value(value)),
            Self::Floats(cells) => scalar::float(kind, json).map(|value| cells.append_value(value)),
            Self::Texts(cells) => text(kind, json, rules).map(|value| cells.append_value(value)),
        };
        if appended.is_err() {
            self.append_null();
        }
        appended
    }

    pub(super) fn append_null(&mut self) {
        match self {
            Self::Booleans(cells) => cells.append_null(),
            Self::Integers(cells) => cells.append_null(),
            Self::Floats(cells) => cells.append_null(),
            Self::Texts(cells) => cells.append_null(),
        }
    }

    pub(super) fn finish(self) -> ArrayRef {
        match self {
            Self::Booleans(mut cells) => Arc::new(cells.finish()),
            Self::Integers(mut cells) => Arc::new(cells.finish()),
            Self::Floats(mut cells) => Arc::new(cells.finish()),
            Self::Texts(mut cells) => Arc::new(cells.finish()),
        }
    }
}
