//! Which columns a table has, and what of a record fills them.

use std::str::FromStr;

use danube_sink::{config::Diagnostic, prelude::*};
use danube_sink_arrow::MappedColumns;
use deltalake::{
    DataType,
    arrow::datatypes::{DataType as ArrowType, Field as ArrowColumn, TimeUnit},
    kernel::engine::arrow_conversion::{TryFromArrow, TryFromKernel},
};

use super::Target;

/// What no name of a column may have in a table without column mapping: Spark could not read it.
const NOT_IN_NAMES: [char; 10] = [' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='];

/// A column that records fill.
#[derive(Debug, Setting)]
#[setting(validate = Self::has_use_of_its_unit)]
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
    /// What numbers count that are timestamps, from 1970 in UTC. Without it, a record with such a number is rejected.
    unit: Option<Unit>,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, Setting)]
enum Unit {
    S,
    Ms,
    Us,
    Ns,
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

impl Column {
    fn has_use_of_its_unit(&self) -> Result<(), Diagnostic> {
        if self.unit.is_none() || has_timestamps(&self.kind.0.0) {
            return Ok(());
        }
        let message = "numbers of this column are no timestamps, so they have no unit";
        Err(Diagnostic::of_key("unit", message, "leave it out, or write type = \"timestamp\""))
    }
}

impl Target {
    /// The columns that the mapping names.
    pub(crate) fn mapped(&self) -> MappedColumns {
        let kind = |column: &Column| ArrowColumn::new(&column.name, column.kind.0.0.clone(), !column.required);
        let columns = self.columns.iter().map(|column| (kind(column), column.from.clone()));
        let units = self.columns.iter().filter_map(|column| Some((&column.name, column.unit?)));
        units.fold(MappedColumns::new(columns, &self.metadata), |mapped, (name, unit)| {
            mapped.with_unit(
                name,
                match unit {
                    Unit::S => TimeUnit::Second,
                    Unit::Ms => TimeUnit::Millisecond,
                    Unit::Us => TimeUnit::Microsecond,
                    Unit::Ns => TimeUnit::Nanosecond,
                },
            )
        })
    }

    /// Delta's names do not tell capital letters apart.
    pub(crate) fn has_each_name_once(&self) -> Result<(), Diagnostic> {
        let mapped = self.mapped();
        let Some(name) = mapped.repeated() else { return Ok(()) };
        let message = format!("two columns have the name `{name}`, metadata and capital letters apart");
        Err(Diagnostic::of_key("columns", message, "give one of them another name"))
    }
}

/// Why a table of these columns cannot be made.
pub(crate) fn cannot_be_made(columns: &[ArrowColumn], partition_by: &[String]) -> Option<String> {
    if let Some(name) = columns.iter().find_map(unwritable_name) {
        return Some(format!(
            "column `{name}`: a name has none of ` ,;{{}}()=`, tabs or line breaks, and is not empty"
        ));
    }
    let unfit = partition_by.iter().find_map(|name| {
        let why = match columns.iter().find(|column| column.name() == name) {
            None => "is none of its columns",
            Some(column) if column.data_type().is_nested() || column.data_type().is_binary() => {
                "has a type that files cannot be kept apart by"
            }
            Some(_) => return None,
        };
        Some(format!("`{name}` of partition_by {why}"))
    });
    let all = "partition_by has all of the columns, and the files need one";
    unfit.or_else(|| (!columns.is_empty() && partition_by.len() >= columns.len()).then(|| all.to_owned()))
}

/// Whether the fields of a record of the first batch can be columns.
pub(crate) fn can_be_columns(record: &SinkRecord) -> ConnectorResult<()> {
    let Some(fields) = record.payload().as_object() else {
        let reason = "not a JSON object, from which the columns of a new table could be taken";
        return Err(ConnectorError::invalid_record(record, reason));
    };
    let mut names = fields.keys().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        let reason =
            "two of its fields differ in capital letters alone, which Delta does not tell apart; name the columns";
        return Err(ConnectorError::invalid_record(record, reason));
    }
    if fields.keys().any(|name| !is_writable(name)) {
        let reason = "a field's name cannot be that of a column, such as one with a space or a comma; name the columns";
        return Err(ConnectorError::invalid_record(record, reason));
    }
    Ok(())
}

fn is_writable(name: &str) -> bool {
    !name.is_empty() && !name.contains(NOT_IN_NAMES)
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

fn has_timestamps(kind: &ArrowType) -> bool {
    match kind {
        ArrowType::Timestamp(..) => true,
        ArrowType::Struct(fields) => fields.iter().any(|field| has_timestamps(field.data_type())),
        ArrowType::List(item) | ArrowType::Map(item, _) => has_timestamps(item.data_type()),
        _ => false,
    }
}
