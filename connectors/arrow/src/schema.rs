//! The columns that a topic mapping names, and the schema of a new table.

use std::collections::{BTreeMap, HashSet};

use arrow_schema::{
    DataType::{self, Boolean, Float64, Int32, Int64, Timestamp, Utf8},
    Field as Column, Schema, SchemaRef, TimeUnit,
};
use danube_sink::{Field, Metadata, MetadataColumns, OnNewField, Pointer, SinkRecord, TimeUnit as Unit};
use serde_json::Value;

use super::{
    columns::Columns,
    names::{Names, repeated},
};

/// The columns that a topic mapping names, and the field of a record that fills each. If it names none, each column of the table is
/// filled by the payload's field of its name.
#[derive(Debug, Clone)]
pub struct MappedColumns {
    named: Vec<(Column, Field)>,
    /// The units of timestamps that are numbers, by column.
    units: Vec<(String, TimeUnit)>,
    /// Whether the mapping names columns, other than those of metadata.
    names_columns: bool,
    on_new_field: OnNewField,
}

impl MappedColumns {
    /// The columns of a mapping, each with the field that fills it (default: the payload's field of its name), and a column for
    /// each of the metadata.
    pub fn new(
        columns: impl IntoIterator<Item = (Column, Option<Field>)>,
        metadata: impl Into<MetadataColumns>,
    ) -> Self {
        let of_payload = |(column, from): (Column, Option<Field>)| {
            let from = from.unwrap_or_else(|| of_name(column.name()));
            (column, from)
        };
        let mut named: Vec<_> = columns.into_iter().map(of_payload).collect();
        let names_columns = !named.is_empty();
        named
            .extend(metadata.into().iter().map(|(which, name)| (metadata_column(name, which), Field::Metadata(which))));
        Self { named, units: Vec::new(), names_columns, on_new_field: OnNewField::Ignore }
    }

    /// Sets the unit of numbers in a timestamp column, as [`Columns::with_unit`] does.
    #[must_use]
    pub fn with_unit(mut self, column: &str, unit: Unit) -> Self {
        let unit = match unit {
            Unit::Seconds => TimeUnit::Second,
            Unit::Milliseconds => TimeUnit::Millisecond,
            Unit::Microseconds => TimeUnit::Microsecond,
            Unit::Nanoseconds => TimeUnit::Nanosecond,
        };
        self.units.push((column.to_owned(), unit));
        self
    }

    /// Sets what a field of a payload does that the table has no column for, if the mapping names no columns. By default it is not
    /// written; with `add` and `reject`, [`Columns::rows`] rejects the records that have a value for one. The same holds for a field of
    /// an object that its column, a struct, has none for, at any depth.
    #[must_use]
    pub fn on_new_field(mut self, policy: OnNewField) -> Self {
        self.on_new_field = policy;
        self
    }

    /// The first column name that repeats, metadata included. Names that differ only by case are the same: most targets cannot
    /// distinguish them.
    pub fn repeated(&self) -> Option<&str> {
        repeated(self.named.iter().map(|(column, _)| column.name().as_str()))
    }

    /// Whether the mapping names columns. Otherwise the payload's fields fill the columns of their names.
    pub fn names_columns(&self) -> bool {
        self.names_columns
    }

    /// The columns that the mapping names, those of metadata last.
    pub fn named_columns(&self) -> impl Iterator<Item = Column> {
        self.named.iter().map(|(column, _)| column.clone())
    }

    /// The columns of a new table: the named ones, or else the fields of these records by name, all of them nullable. The type is
    /// `Int64` if all values are integers of 64 bits, `Float64` if all are numbers, `Boolean`, and `Utf8` for everything else,
    /// nested values as JSON text. The result is empty if no column is named and no payload is a JSON object. A field with the name
    /// of metadata, or of another field in another case, gets no column: [`Columns::rows`] rejects the records that have it.
    pub fn of_new_table(&self, records: &[SinkRecord]) -> Vec<Column> {
        let mut columns = if self.names_columns { Vec::new() } else { inferred(records) };
        let is_metadata = |name: &str| self.named.iter().any(|(named, _)| is_same_name(named.name(), name));
        columns.retain(|column| !is_metadata(column.name()));
        if self.names_columns || !columns.is_empty() {
            columns.extend(self.named.iter().map(|(column, _)| column.clone()));
        }
        columns
    }

    /// Validates the mapping against the schema of an existing table. `type_name` is the target's name of a type.
    ///
    /// # Errors
    /// The first column that the table lacks or has with another type, or that must have a value and is not in the mapping.
    pub fn validate(&self, table: &Schema, type_name: impl Fn(&DataType) -> String) -> Result<(), String> {
        for (column, _) in &self.named {
            let (name, expected) = (column.name(), column.data_type());
            let found = match table.field_with_name(name) {
                Ok(found) if are_same(found.data_type(), expected) => continue,
                Ok(found) => format!("is `{}`", type_name(found.data_type())),
                Err(_) => match table.fields().iter().find(|found| is_same_name(found.name(), name)) {
                    Some(found) => {
                        return Err(format!("column `{name}` is `{}` in the table: use that name", found.name()));
                    }
                    None => "is missing".to_owned(),
                },
            };
            let expected = type_name(expected);
            return Err(format!("column `{name}` of the table {found}; the mapping expects `{expected}`"));
        }
        let is_named = |column: &Column| self.named.iter().any(|(named, _)| named.name() == column.name());
        match table.fields().iter().find(|column| !column.is_nullable() && !is_named(column)) {
            Some(column) if self.names_columns => {
                Err(format!("column `{}` of the table must have a value, and is not in the mapping", column.name()))
            }
            _ => Ok(()),
        }
    }

    /// The columns of a table with the fields that fill them. A column that the mapping requires is required of each record, even if
    /// it is nullable in the table.
    pub fn columns(&self, table: SchemaRef) -> Columns {
        let named = |name: &str| self.named.iter().rfind(|(column, _)| column.name() == name);
        let names = table.fields().iter().map(|column| (column.name().as_str(), named(column.name()).is_none()));
        let rejects_new = self.on_new_field != OnNewField::Ignore;
        let names = (!self.names_columns).then(|| Names::new(names, rejects_new));
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

/// Whether two types have the same values. The order of a struct's fields does not matter: they have names.
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

/// The column of metadata under a name of the user's choice: `partition` is an `Int32`, `offset` an `Int64`, `publish_time` a
/// timestamp in UTC, all others are strings.
pub fn metadata_column(name: &str, which: Metadata) -> Column {
    let kind = match which {
        Metadata::Partition => Int32,
        Metadata::Offset => Int64,
        Metadata::PublishTime => Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => Utf8,
    };
    Column::new(name, kind, true)
}
