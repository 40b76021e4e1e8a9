//! Which columns a table has, and what of a record fills them.

use std::str::FromStr;

use danube_sink::prelude::*;
use danube_sink_arrow::MappedColumns;
use deltalake::{DataType, DeltaResult, StructField, kernel::engine::arrow_conversion::TryIntoArrow};

use super::Target;

/// A column that records fill.
#[derive(Debug, Setting)]
pub(crate) struct Column {
    name: String,
    /// As Delta writes it: `string`, `long`, `decimal(10,2)`, `timestamp`, …, or a nested type as JSON.
    #[setting(rename = "type", default = "string")]
    kind: Parsed<DeltaType>,
    /// Where in a record the value stands. Without it, the value of the column's name in the payload.
    from: Option<Field>,
    /// Whether a record without the value is rejected.
    #[setting(default = false)]
    required: bool,
}

/// The type of a column.
#[derive(Debug)]
struct DeltaType(DataType);

impl FromStr for DeltaType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = if text.starts_with('{') { serde_json::from_str(text) } else { serde_json::from_value(text.into()) };
        read.map(Self).map_err(|_| "Delta has `long`, `string`, `decimal(10,2)` and others")
    }
}

impl Target {
    /// The columns that the mapping names.
    pub(crate) fn mapped(&self) -> DeltaResult<MappedColumns> {
        let column = |column: &Column| {
            let field = StructField::new(&column.name, column.kind.0.0.clone(), !column.required);
            Ok(((&field).try_into_arrow()?, column.from.clone()))
        };
        Ok(MappedColumns::new(self.columns.iter().map(column).collect::<DeltaResult<Vec<_>>>()?, &self.metadata))
    }
}
