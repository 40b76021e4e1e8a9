//! Which columns a table has, and what of a record fills them.

use std::str::FromStr;

use danube_sink::prelude::*;
use danube_sink_arrow::{inferred, metadata};
use deltalake::{DataType, DeltaResult, StructField, StructType, kernel::engine::arrow_conversion::TryIntoKernel};

use super::{Target, failure::Sorted};

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
    /// The columns of a new table; none if neither the mapping nor the records have any.
    pub(crate) fn of_new_table(&self, records: &[SinkRecord]) -> DeltaResult<Vec<StructField>> {
        let inferred = if self.columns.is_empty() { inferred(records) } else { Vec::new() };
        if self.columns.is_empty() && inferred.is_empty() {
            return Ok(Vec::new());
        }
        let inferred = inferred.iter().map(|column| Ok(column.try_into_kernel()?));
        inferred.chain(self.mapped()?.into_iter().map(Ok)).collect()
    }

    /// The columns that the mapping fills.
    fn mapped(&self) -> DeltaResult<Vec<StructField>> {
        let column = |column: &Column| Ok(StructField::new(&column.name, column.kind.0.0.clone(), !column.required));
        let metadata = |which: &Metadata| Ok((&metadata(*which)).try_into_kernel()?);
        self.columns.iter().map(column).chain(self.metadata.iter().map(metadata)).collect()
    }

    /// Whether a table has the columns that the mapping fills, with their types.
    pub(crate) fn fits(&self, table: &StructType) -> ConnectorResult<()> {
        for field in self.mapped().sorted("compare the columns")? {
            let (name, wanted) = (field.name(), field.data_type());
            let has = table.field(name).map(StructField::data_type);
            if has != Some(wanted) {
                let (table, has) = (&self.table, has.map_or("not there".to_owned(), |has| format!("`{has}`")));
                let misfit = format!("column `{name}` of the table {table} is {has}; the mapping wants `{wanted}`");
                return Err(ConnectorError::configuration(misfit));
            }
        }
        Ok(())
    }

    /// What fills a column of the table: as the mapping says, or what has its name.
    pub(crate) fn source(&self, name: &str) -> Option<Field> {
        let from = match self.metadata.iter().find(|which| which.as_str() == name) {
            Some(which) => Some(Field::Metadata(*which)),
            None if self.columns.is_empty() => None,
            None => self.columns.iter().find(|column| column.name == name)?.from.clone(),
        };
        Some(from.unwrap_or_else(|| Field::Payload(Pointer::from_iter([name]))))
    }
}
