//! Which columns a table has, and what of a record fills them.

use std::str::FromStr;

use danube_sink::prelude::*;
use danube_sink_arrow::MappedColumns;
use deltalake::{
    DataType,
    arrow::datatypes::{DataType as ArrowType, Field as ArrowColumn},
    kernel::engine::arrow_conversion::{TryFromArrow, TryFromKernel},
};

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

/// The type of a column, as Arrow has it.
#[derive(Debug)]
struct DeltaType(ArrowType);

impl FromStr for DeltaType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = if text.starts_with('{') { serde_json::from_str(text) } else { serde_json::from_value(text.into()) };
        let kind: DataType = read.map_err(|_| "Delta has `long`, `string`, `decimal(10,2)` and others")?;
        let of_arrow = ArrowType::try_from_kernel(&kind).ok();
        // What Arrow has no type for comes back as another.
        let same = of_arrow.filter(|arrow| DataType::try_from_arrow(arrow).is_ok_and(|back| back == kind));
        same.map(Self).ok_or("records do not fill a column of this type")
    }
}

impl Target {
    /// The columns that the mapping names.
    pub(crate) fn mapped(&self) -> MappedColumns {
        let kind = |column: &Column| ArrowColumn::new(&column.name, column.kind.0.0.clone(), !column.required);
        MappedColumns::new(self.columns.iter().map(|column| (kind(column), column.from.clone())), &self.metadata)
    }
}
