//! The settings of a topic mapping.

use danube_sink::{config::Diagnostic, prelude::*};
use danube_sink_arrow::MappedColumns;
use deltalake::arrow::datatypes::Field as ArrowColumn;

use super::columns::Column;

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::has_each_name_once)]
pub struct Target {
    /// Location of the table: a folder, or `s3://bucket/path`. A missing table is created.
    pub(crate) table: String,
    /// Columns to fill. Without it, each column of the table takes the value of its name; a new table gets the fields of the
    /// first batch, nested values as JSON text.
    #[setting(default = [])]
    pub(crate) columns: Vec<Column>,
    /// Metadata columns: `["offset"]`, or with other names `{ offset = "_offset" }`.
    pub(crate) metadata: MetadataColumns,
    /// Partition columns of a new table.
    #[setting(default = [])]
    pub(crate) partition_by: Vec<String>,
    /// Number of commits between two checkpoints of a new table's log.
    #[setting(default = 100, range = 1..)]
    pub(crate) checkpoint_interval: u32,
}

impl Target {
    /// The columns of the mapping, for Arrow.
    pub(crate) fn mapped(&self) -> MappedColumns {
        let kind = |column: &Column| ArrowColumn::new(&column.name, column.arrow_type().clone(), !column.required);
        let columns = self.columns.iter().map(|column| (kind(column), column.from.clone()));
        let units = self.columns.iter().filter_map(|column| Some((&column.name, column.unit?)));
        units.fold(MappedColumns::new(columns, &self.metadata), |mapped, (name, unit)| mapped.with_unit(name, unit))
    }

    /// Validates that no column name repeats: Delta ignores case.
    pub(crate) fn has_each_name_once(&self) -> Result<(), Diagnostic> {
        let mapped = self.mapped();
        let Some(name) = mapped.repeated() else { return Ok(()) };
        let message = format!("two columns have the name `{name}` (metadata included, ignoring case)");
        Err(Diagnostic::of_key("columns", message, "give one of them another name"))
    }
}
