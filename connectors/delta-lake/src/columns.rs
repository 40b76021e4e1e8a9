//! The columns of a table: their settings, and the names and types that Delta allows.

use std::{collections::HashSet, str::FromStr};

use danube_sink::{config::Diagnostic, prelude::*};
use danube_sink_arrow::validate_unit;
use deltalake::{
    DataType,
    arrow::datatypes::{DataType as ArrowType, Field as ArrowColumn},
    kernel::engine::arrow_conversion::{TryFromArrow, TryFromKernel},
};

/// Characters that no column name may contain in a table without column mapping: Spark could not read it.
const NOT_IN_NAMES: [char; 10] = [' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='];

/// The settings of a column.
#[derive(Debug, Setting)]
#[setting(validate = Self::has_valid_unit)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Type in Delta's notation: `string`, `long`, `decimal(10,2)`, `timestamp`, …, or a nested type as JSON.
    #[setting(rename = "type", default = "string")]
    kind: Parsed<DeltaType>,
    /// Field of a record with the value; without it, the payload's field of the column's name.
    pub(crate) from: Option<Field>,
    /// Whether a record without a value is rejected.
    #[setting(default = false)]
    pub(crate) required: bool,
    /// Unit of timestamps that are numbers, since 1970 in UTC; without it, a record with such a number is rejected.
    pub(crate) unit: Option<TimeUnit>,
}

/// The type of a column, as Arrow's type.
#[derive(Debug)]
struct DeltaType(ArrowType);

impl FromStr for DeltaType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = if text.starts_with('{') { serde_json::from_str(text) } else { serde_json::from_value(text.into()) };
        let kind: DataType = read.map_err(|_| "Delta has `long`, `string`, `decimal(10,2)` and others")?;
        let of_arrow = ArrowType::try_from_kernel(&kind).ok();
        // A type that Arrow does not have is converted back to another one.
        let same = of_arrow.filter(|arrow| DataType::try_from_arrow(arrow).is_ok_and(|back| back == kind));
        same.map(Self).ok_or("records do not fill a column of this type")
    }
}

impl Column {
    pub(crate) fn arrow_type(&self) -> &ArrowType {
        &self.kind.0.0
    }

    fn has_valid_unit(&self) -> Result<(), Diagnostic> {
        validate_unit(self.arrow_type(), self.unit)
    }
}

/// Why a table with these columns cannot be created; `None` if it can.
pub(crate) fn creation_error(columns: &[ArrowColumn], partition_by: &[String]) -> Option<String> {
    if columns.is_empty() {
        return Some("there is no field for a column".to_owned());
    }
    if let Some(name) = columns.iter().find_map(unwritable_name) {
        return Some(format!("column `{name}`: a name must not be empty or contain ` ,;{{}}()=`, tabs or line breaks"));
    }
    if let Some(name) = repeated_name(columns).or_else(|| columns.iter().find_map(repeated_within)) {
        return Some(format!("two columns have the name `{name}` (metadata included, ignoring case)"));
    }
    let invalid = partition_by.iter().find_map(|name| {
        let why = match columns.iter().find(|column| column.name() == name) {
            None => "is not among the columns",
            Some(column) if column.data_type().is_nested() || column.data_type().is_binary() => {
                "has a type that cannot partition files"
            }
            Some(_) => return None,
        };
        Some(format!("`{name}` of partition_by {why}"))
    });
    let all = "partition_by has all of the columns, but the files need at least one";
    invalid.or_else(|| (partition_by.len() >= columns.len()).then(|| all.to_owned()))
}

/// Validates that the fields of a record can be the columns of a new table.
pub(crate) fn check_field_names(record: &SinkRecord) -> ConnectorResult<()> {
    let Some(fields) = record.payload().as_object() else {
        let reason = "not a JSON object, which the columns of a new table need";
        return Err(ConnectorError::invalid_record(record, reason));
    };
    let mut names = fields.keys().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        let reason = "two of its fields differ only by case, which Delta ignores; name the columns";
        return Err(ConnectorError::invalid_record(record, reason));
    }
    if fields.keys().any(|name| !is_writable(name)) {
        let reason = "a field's name is not a valid column name, such as one with a space or a comma; name the columns";
        return Err(ConnectorError::invalid_record(record, reason));
    }
    Ok(())
}

/// Whether a new column can have this name.
pub(crate) fn is_writable(name: &str) -> bool {
    !name.is_empty() && !name.contains(NOT_IN_NAMES)
}

/// Whether a table can have the column: its name, and those of the fields within it.
pub(crate) fn has_possible_names(column: &ArrowColumn) -> bool {
    unwritable_name(column).is_none() && repeated_within(column).is_none()
}

/// A name that two of the columns have: Delta ignores case.
fn repeated_name<'c>(columns: impl IntoIterator<Item = &'c ArrowColumn>) -> Option<&'c str> {
    let mut seen = HashSet::new();
    columns.into_iter().find(|column| !seen.insert(column.name().to_lowercase())).map(|column| column.name().as_str())
}

fn repeated_within(column: &ArrowColumn) -> Option<&str> {
    match column.data_type() {
        ArrowType::Struct(fields) => {
            let fields = || fields.iter().map(AsRef::as_ref);
            repeated_name(fields()).or_else(|| fields().find_map(repeated_within))
        }
        ArrowType::List(item) | ArrowType::Map(item, _) => repeated_within(item),
        _ => None,
    }
}

/// The column's name, or the one of a field within it, that a table cannot have.
fn unwritable_name(column: &ArrowColumn) -> Option<String> {
    if !is_writable(column.name()) {
        return Some(column.name().clone());
    }
    match column.data_type() {
        ArrowType::Struct(fields) => fields.iter().find_map(|field| unwritable_name(field)),
        ArrowType::List(item) | ArrowType::Map(item, _) => unwritable_name(item),
        _ => None,
    }
}
