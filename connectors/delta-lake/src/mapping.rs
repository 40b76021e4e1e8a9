//! The settings of a topic mapping.

use danube_sink::{config::Diagnostic, prelude::*};
use danube_sink_arrow::{MappedColumns, store::validate_location};
use deltalake::arrow::datatypes::Field as ArrowColumn;

use super::columns::Column;

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::is_consistent)]
pub(crate) struct Target {
    /// Location of the table: a folder, or `s3://bucket/path`, `az://container/path`, `gs://bucket/path`. A missing table is
    /// created. With placeholders, each record chooses its table: `s3://lake/events/{/tenant}`.
    pub(crate) table: Template,
    /// Maximum number of tables that are open, if `table` has placeholders; the least recently used is read from its log again.
    #[setting(default = 100, range = 1..)]
    pub(crate) max_open_tables: usize,
    /// Columns to fill. Without it, each column of the table takes the value of its name; a new table gets the fields of the
    /// first batch, nested values as JSON text.
    #[setting(default = [])]
    pub(crate) columns: Vec<Column>,
    /// Take the columns of a new table from the registered schema, the latest version of `expected_schema_subject`.
    #[setting(default = false)]
    pub(crate) columns_from_schema: bool,
    /// What to do with a field that has no column, where `columns` is not set: `add` one of the type that the record's
    /// registered schema says, `ignore` the field, or `reject` the record.
    pub(crate) on_new_field: OnNewField,
    /// Metadata columns: `["offset"]`, or with other names `{ offset = "_offset" }`.
    pub(crate) metadata: MetadataColumns,
    /// Partition columns of a new table.
    #[setting(default = [])]
    pub(crate) partition_by: Vec<String>,
    /// Number of commits between two checkpoints of a new table's log.
    #[setting(default = 100, range = 1..)]
    pub(crate) checkpoint_interval: u32,
    /// Number of small files in a partition after which they are rewritten as one. Without it, they never are.
    #[setting(range = 2..=100_000)]
    pub(crate) compact_after: Option<usize>,
}

impl Target {
    /// The columns of the mapping, for Arrow.
    pub(crate) fn mapped(&self) -> MappedColumns {
        let kind = |column: &Column| ArrowColumn::new(&column.name, column.arrow_type().clone(), !column.required);
        let columns = self.columns.iter().map(|column| (kind(column), column.from.clone()));
        let mapped = MappedColumns::new(columns, &self.metadata).on_new_field(self.on_new_field);
        let units = self.columns.iter().filter_map(|column| Some((&column.name, column.unit?)));
        units.fold(mapped, |mapped, (name, unit)| mapped.with_unit(name, unit))
    }

    /// The folder or URL that all tables are below, if each record chooses its table.
    pub(crate) fn root(&self) -> Option<String> {
        if self.table.constant().is_some() {
            return None;
        }
        let pattern = self.table.pattern("\0");
        let constant = pattern.split('\0').next().unwrap_or_default();
        Some(constant.rfind('/').map_or("./".to_owned(), |end| constant[..=end].to_owned()))
    }

    fn is_consistent(&self) -> Result<(), Diagnostic> {
        let location = self.table.pattern("_");
        validate_location(&location, "table")?;
        if is_encoded(&location) {
            let help = "the library would decode it in some places only; write another name";
            return Err(Diagnostic::of_key("table", "a folder must not have `%` and two hexadecimal digits", help));
        }
        if let Some(root) = self.root() {
            let is_bucket_by_content = root.split_once("://").is_some_and(|(_, path)| !path.contains('/'));
            if is_bucket_by_content || self.table.pattern("\0").starts_with('\0') {
                let help = "begin with a folder, or with a bucket and a slash: `s3://lake/{/tenant}`";
                return Err(Diagnostic::of_key("table", "its beginning is not constant", help));
            }
        }
        if !self.columns.is_empty() && self.columns_from_schema {
            let help = "remove one of them";
            return Err(Diagnostic::of_key("columns_from_schema", "conflicts with `columns`", help));
        }
        if !self.columns.is_empty() && self.on_new_field == OnNewField::Add {
            let help = "remove one of them: fields that `columns` does not name are not written";
            return Err(Diagnostic::of_key("on_new_field", "`add` conflicts with `columns`", help));
        }
        let mapped = self.mapped();
        let Some(name) = mapped.repeated() else { return Ok(()) };
        let message = format!("two columns have the name `{name}` (metadata included, ignoring case)");
        Err(Diagnostic::of_key("columns", message, "give one of them another name"))
    }
}

/// Whether a folder has a part that would be decoded as one of a URL.
fn is_encoded(location: &str) -> bool {
    let is_folder = location.split_once("://").is_none_or(|(scheme, _)| scheme.eq_ignore_ascii_case("file"));
    let is_code = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    is_folder && location.split('%').skip(1).any(is_code)
}
