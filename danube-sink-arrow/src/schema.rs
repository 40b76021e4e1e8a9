//! Which columns a mapping names, and which a new table may have.

use std::collections::{BTreeMap, HashSet};

use arrow_schema::{
    DataType::{self, Boolean, Float64, Int32, Int64, Timestamp, Utf8},
    Field as Column, Schema, SchemaRef, TimeUnit,
};
use danube_sink::{Field, Metadata, Pointer, SinkRecord};
use serde_json::Value;

use super::{
    columns::Columns,
    names::{Names, repeated},
};

/// The columns that a topic mapping names, and what of a record fills each. Where it names none, the table's own are filled,
/// each by the value of its name.
#[derive(Debug, Clone)]
pub struct MappedColumns {
    named: Vec<(Column, Field)>,
    /// Of numbers that are timestamps, by column.
    units: Vec<(String, TimeUnit)>,
    /// Whether there are others than those of metadata.
    names_columns: bool,
}

impl MappedColumns {
    /// These columns, each with its field, or filled by the value of its name in the payload; and one of its name for what
    /// records say of themselves.
    pub fn new(columns: impl IntoIterator<Item = (Column, Option<Field>)>, metadata: &[Metadata]) -> Self {
        let of_payload = |(column, from): (Column, Option<Field>)| {
            let from = from.unwrap_or_else(|| of_name(column.name()));
            (column, from)
        };
        let mut named: Vec<_> = columns.into_iter().map(of_payload).collect();
        let names_columns = !named.is_empty();
        named.extend(metadata.iter().map(|which| (of_metadata(*which), Field::Metadata(*which))));
        Self { named, units: Vec::new(), names_columns }
    }

    /// The unit of numbers that are timestamps of the column, as [`Columns::with_unit`] has it.
    #[must_use]
    pub fn with_unit(mut self, column: &str, unit: TimeUnit) -> Self {
        self.units.push((column.to_owned(), unit));
        self
    }

    /// The first name that the mapping gives two columns, metadata among them. Names that differ in capital letters alone are
    /// the same: most targets cannot tell them apart.
    pub fn repeated(&self) -> Option<&str> {
        repeated(self.named.iter().map(|(column, _)| column.name().as_str()))
    }

    /// Whether the mapping names columns of its own. Else a table is filled by the names of its columns.
    pub fn names_columns(&self) -> bool {
        self.names_columns
    }

    /// The columns of a table that is to be made: those that are named, else those of these records, in the order of their
    /// names, and none of them required: `Int64` where all values are whole numbers of 64 bits, `Float64` where all are
    /// numbers, `Boolean`, and `Utf8` for everything else, nested values as JSON text. There are none if none are named and no
    /// payload is a JSON object. A field of the name of metadata, or of another field but for capital letters, has no column:
    /// [`Columns::rows`] rejects the records that have it.
    pub fn of_new_table(&self, records: &[SinkRecord]) -> Vec<Column> {
        let mut columns = if self.names_columns { Vec::new() } else { inferred(records) };
        let is_metadata = |name: &str| self.named.iter().any(|(named, _)| is_same_name(named.name(), name));
        columns.retain(|column| !is_metadata(column.name()));
        if self.names_columns || !columns.is_empty() {
            columns.extend(self.named.iter().map(|(column, _)| column.clone()));
        }
        columns
    }

    /// What is wrong with a table that is there: the first column that it lacks, or has with another type, or that must have a
    /// value and has none of the mapping. `type_name` is what the target calls a type.
    pub fn misfit(&self, table: &Schema, type_name: impl Fn(&DataType) -> String) -> Option<String> {
        let misfit = self.named.iter().find_map(|(column, _)| {
            let (name, wanted) = (column.name(), column.data_type());
            let is = match table.field_with_name(name) {
                Ok(has) if are_same(has.data_type(), wanted) => return None,
                Ok(has) => format!("`{}`", type_name(has.data_type())),
                Err(_) => match table.fields().iter().find(|has| is_same_name(has.name(), name)) {
                    Some(has) => return Some(format!("column `{name}` is `{}` in the table: write it so", has.name())),
                    None => "not there".to_owned(),
                },
            };
            Some(format!("column `{name}` of the table is {is}; the mapping wants `{}`", type_name(wanted)))
        });
        misfit.or_else(|| {
            let is_named = |column: &Column| self.named.iter().any(|(named, _)| named.name() == column.name());
            let unfilled = |column: &&arrow_schema::FieldRef| !column.is_nullable() && !is_named(column);
            let column = table.fields().iter().find(unfilled).filter(|_| self.names_columns)?;
            Some(format!("column `{}` of the table must have a value, and the mapping has none for it", column.name()))
        })
    }

    /// What fills the columns of a table. A column that the mapping requires is required of each record, also where the table
    /// lets it be null.
    pub fn columns(&self, table: SchemaRef) -> Columns {
        let named = |name: &str| self.named.iter().rfind(|(column, _)| column.name() == name);
        let names = table.fields().iter().map(|column| (column.name().as_str(), named(column.name()).is_none()));
        let names = (!self.names_columns).then(|| Names::new(names));
        let columns = Columns::new(SchemaRef::clone(&table), |name| match named(name) {
            Some((_, from)) => Some(from.clone()),
            None => (!self.names_columns).then(|| of_name(name)),
        });
        let required = self.named.iter().filter(|(column, _)| !column.is_nullable());
        let columns = required.fold(columns, |columns, (column, _)| columns.require(column.name()));
        let columns = self.units.iter().fold(columns, |columns, (name, unit)| columns.with_unit(name, *unit));
        match names {
            Some(names) => columns.with_names(names),
            None => columns,
        }
    }
}

fn is_same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Whether values of one type are values of the other. The order of a struct's fields does not matter: they have names.
fn are_same(one: &DataType, other: &DataType) -> bool {
    let same = |one: &Column, other: &Column| {
        one.is_nullable() == other.is_nullable() && are_same(one.data_type(), other.data_type())
    };
    match (one, other) {
        (DataType::Struct(one), DataType::Struct(other)) => {
            let has = |field: &Column| other.find(field.name()).is_some_and(|(_, other)| same(field, other));
            one.len() == other.len() && one.iter().all(|field| has(field))
        }
        (DataType::List(one), DataType::List(other)) | (DataType::Map(one, _), DataType::Map(other, _)) => {
            same(one, other)
        }
        _ => one == other,
    }
}

fn of_name(name: &str) -> Field {
    Field::Payload(Pointer::from_iter([name]))
}

fn inferred(records: &[SinkRecord]) -> Vec<Column> {
    let mut columns: BTreeMap<&str, Option<DataType>> = BTreeMap::new();
    for (name, value) in records.iter().filter_map(|record| record.payload().as_object()).flatten() {
        let kind = match value {
            Value::Null => None,
            Value::Bool(_) => Some(Boolean),
            Value::Number(number) if number.is_i64() => Some(Int64),
            Value::Number(number) if number.is_f64() => Some(Float64),
            _ => Some(Utf8),
        };
        let column = columns.entry(name).or_default();
        *column = match (column.take(), kind) {
            (known, None) => known,
            (None, kind) => kind,
            (Some(known), Some(kind)) if known == kind => Some(known),
            (Some(Int64 | Float64), Some(Int64 | Float64)) => Some(Float64),
            _ => Some(Utf8),
        };
    }
    let mut seen = HashSet::new();
    columns.retain(|name, _| seen.insert(name.to_lowercase()));
    columns.into_iter().map(|(name, kind)| Column::new(name, kind.unwrap_or(Utf8), true)).collect()
}

fn of_metadata(which: Metadata) -> Column {
    let kind = match which {
        Metadata::Partition => Int32,
        Metadata::Offset => Int64,
        Metadata::PublishTime => Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => Utf8,
    };
    Column::new(which.as_str(), kind, true)
}
