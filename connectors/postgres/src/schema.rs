//! Tables from registered schemas: the types of columns, and the columns that a table gets.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use danube_sink::{
    ConnectorError, ConnectorResult, Field, Metadata, OnNewField, Pointer, SinkRecord,
    schema::{ColumnKind, SchemaColumn, TableSchema, new_columns},
};

use super::{
    name::{check_column, quoted, quoted_table},
    plan::Plan,
};

/// The most digits that a `numeric` with a precision has.
const NUMERIC_DIGITS: usize = 1_000;

/// The definition of a column for a field of a registered schema, such as `"note" text`. It takes `NULL`: another version of the
/// schema may not have the field.
///
/// Integers, floating point numbers, decimals, strings, bytes, UUIDs, dates, times and timestamps have the type that holds their
/// values exactly (timestamps to the microsecond). Lists of them are arrays. Objects, maps, lists of lists or objects, and values
/// of several types are `jsonb`.
pub fn definition(column: &SchemaColumn) -> String {
    format!("{} {}", quoted(&column.name), column_type(&column.kind))
}

/// The type of a column for metadata.
pub fn metadata_type(which: Metadata) -> &'static str {
    match which {
        Metadata::Partition => "integer",
        Metadata::Offset => "bigint",
        Metadata::PublishTime => "timestamptz",
        _ => "text",
    }
}

/// The type of a column for the values of a field: metadata, an attribute, or a part of the payload.
///
/// # Errors
/// The schema has no such field.
pub fn type_of(field: &Field, schema: &[SchemaColumn]) -> Result<Cow<'static, str>, String> {
    let pointer = match field {
        Field::Metadata(which) => return Ok(metadata_type(*which).into()),
        Field::Attribute(_) => return Ok("text".into()),
        Field::Payload(pointer) => pointer,
    };
    let (mut fields, mut kind) = (Some(schema), &ColumnKind::Json);
    for name in names(pointer) {
        // Below an array or a map, a value may be anything.
        let Some(known) = fields else { return Ok("jsonb".into()) };
        let Some(column) = known.iter().find(|column| column.name == name) else {
            return Err(format!("the registered schema has no field {field}: correct `columns`, or the schema"));
        };
        kind = &column.kind;
        fields = if let ColumnKind::Struct(below) = kind { Some(below) } else { None };
    }
    Ok(column_type(kind))
}

fn column_type(kind: &ColumnKind) -> Cow<'static, str> {
    match kind {
        ColumnKind::List { of, .. } if is_scalar(of) => format!("{}[]", column_type(of)).into(),
        ColumnKind::Bool => "boolean".into(),
        ColumnKind::Int32 => "integer".into(),
        ColumnKind::Int64 => "bigint".into(),
        ColumnKind::UInt64 => "numeric(20)".into(),
        ColumnKind::Float32 => "real".into(),
        ColumnKind::Float64 => "double precision".into(),
        ColumnKind::Decimal { precision, scale } if (1..=NUMERIC_DIGITS).contains(precision) && scale <= precision => {
            format!("numeric({precision}, {scale})").into()
        }
        ColumnKind::Decimal { .. } => "numeric".into(),
        ColumnKind::Bytes => "bytea".into(),
        ColumnKind::Uuid => "uuid".into(),
        ColumnKind::Date => "date".into(),
        ColumnKind::Time(_) => "time".into(),
        ColumnKind::Timestamp { zoned: true, .. } => "timestamptz".into(),
        ColumnKind::Timestamp { zoned: false, .. } => "timestamp".into(),
        kind if is_scalar(kind) => "text".into(),
        _ => "jsonb".into(),
    }
}

/// Whether a list of such values is an array: arrays of arrays would need lists of equal lengths.
fn is_scalar(kind: &ColumnKind) -> bool {
    !matches!(kind, ColumnKind::List { .. } | ColumnKind::Struct(_) | ColumnKind::Map { .. } | ColumnKind::Json)
}

/// The unescaped names of a pointer.
pub(crate) fn names(pointer: &Pointer) -> impl Iterator<Item = String> {
    pointer.as_str().split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~"))
}

/// What a field of a payload is for, of those that are not new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It fills the column of this index.
    Column(usize),
    /// A column of another name has its value, or a part of it.
    Read,
    /// The column of its name has another value.
    Taken,
}

/// The fields that the columns of a plan use, and the names that they take.
pub(crate) fn purposes(columns: &[(String, Field)]) -> HashMap<String, Purpose> {
    let taken = columns.iter().map(|(name, _)| (name.clone(), Purpose::Taken));
    let read = columns.iter().filter_map(|(_, field)| match field {
        Field::Payload(pointer) => Some((names(pointer).next()?, Purpose::Read)),
        _ => None,
    });
    taken.chain(read).collect()
}

impl Plan {
    /// The columns of a new table that come from these of the registered schema: where fields fill the columns of their names,
    /// those that can; otherwise all.
    fn registered(&self, columns: &[SchemaColumn]) -> Vec<SchemaColumn> {
        let known = purposes(&self.columns);
        let is_own = |column: &&SchemaColumn| {
            self.fields.is_none() || !known.contains_key(&column.name) && check_column(&column.name).is_ok()
        };
        columns.iter().filter(is_own).cloned().collect()
    }

    /// The statements that create the table, or prepare one that exists, at start.
    ///
    /// # Errors
    /// The schema cannot be looked up, or does not suit the plan.
    pub(crate) async fn creation_at_start(
        &self,
        is_missing: bool,
        schema: impl AsyncFnOnce() -> ConnectorResult<Arc<TableSchema>>,
    ) -> ConnectorResult<Option<String>> {
        let is_due = self.create.is_some() && (is_missing || self.prepares_existing);
        let Some(name) = self.table.constant().filter(|_| is_due) else { return Ok(None) };
        let mut columns = Vec::new();
        if self.create_from_schema && is_missing {
            let schema = schema().await?;
            self.check_schema(&schema)?;
            columns.extend_from_slice(schema.columns());
        }
        let failed = |reason: String| ConnectorError::configuration(format!("table {name}: {reason}"));
        self.creation(&name, &columns).map_err(failed)
    }

    /// The statements that create a table that these records choose; `None` if they have no registered schema for it.
    ///
    /// # Errors
    /// Why the schema does not suit the plan.
    pub(crate) fn creation_for(&self, name: &str, records: &[SinkRecord]) -> Result<Option<String>, String> {
        let columns = if self.create_from_schema { new_columns(records, |_| false) } else { Vec::new() };
        if self.create_from_schema && columns.is_empty() { Ok(None) } else { self.creation(name, &columns) }
    }

    fn creation(&self, name: &str, schema: &[SchemaColumn]) -> Result<Option<String>, String> {
        let Some(create) = &self.create else { return Ok(None) };
        let columns = self.registered(schema);
        let is_known = |key: &&String| {
            let has = |name: &String| name == *key;
            self.columns.iter().any(|(name, _)| has(name)) || columns.iter().any(|column| has(&column.name))
        };
        if !columns.is_empty()
            && let Some(unknown) = self.key.iter().find(|key| !is_known(key))
        {
            return Err(format!("the registered schema has no field {unknown}, which is in `key`"));
        }
        create(&quoted_table(name), &columns).map(Some)
    }

    /// Checks at start that each field of the schema can have a column of its name, unless new fields are ignored.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] for a field that cannot.
    fn check_schema(&self, schema: &Arc<TableSchema>) -> ConnectorResult<()> {
        let Some(on_new) = self.fields else { return Ok(()) };
        let known = purposes(&self.columns);
        for column in schema.columns() {
            let reason = match known.get(&column.name) {
                Some(Purpose::Taken) => {
                    Err("is the name of a column with another value: give that one another name".to_owned())
                }
                None if on_new != OnNewField::Ignore => check_column(&column.name),
                _ => Ok(()),
            };
            reason.map_err(|reason| {
                let (name, subject, version) = (&column.name, schema.subject(), schema.version());
                ConnectorError::configuration(format!(
                    "table {}: the field {name:?} of the schema {subject} version {version} {reason}",
                    self.table
                ))
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use danube_sink::TimeUnit;

    use super::*;

    #[test]
    fn a_type_holds_every_value_of_its_field() {
        let list = |of| ColumnKind::List { of: Box::new(of), nullable: true };
        let decimal = |precision, scale| ColumnKind::Decimal { precision, scale };
        for (kind, expected) in [
            (ColumnKind::UInt64, "numeric(20)"),
            (decimal(10, 2), "numeric(10, 2)"),
            (decimal(1_001, 2), "numeric"),
            (decimal(2, 5), "numeric"),
            (ColumnKind::String, "text"),
            (ColumnKind::Timestamp { unit: TimeUnit::Nanoseconds, zoned: false }, "timestamp"),
            (list(ColumnKind::Int32), "integer[]"),
            (list(decimal(4, 1)), "numeric(4, 1)[]"),
            (list(list(ColumnKind::Int32)), "jsonb"),
            (list(ColumnKind::Struct(Vec::new())), "jsonb"),
            (ColumnKind::Map { of: Box::new(ColumnKind::Bool), nullable: false }, "jsonb"),
            (ColumnKind::Json, "jsonb"),
        ] {
            assert_eq!(column_type(&kind), expected, "{kind:?}");
        }
    }

    #[test]
    fn a_named_column_has_the_type_of_its_field() {
        let column = |name: &str, kind| SchemaColumn { name: name.to_owned(), kind, nullable: true, doc: None };
        let user = ColumnKind::Struct(vec![column("a/b", ColumnKind::Int32)]);
        let schema = [column("user", user), column("tags", ColumnKind::Json)];
        for (field, expected) in [
            ("/user/a~1b", Some("integer")),
            ("/user", Some("jsonb")),
            ("/tags/0", Some("jsonb")),
            ("", Some("jsonb")),
            ("attribute:a", Some("text")),
            ("publish_time", Some("timestamptz")),
            ("/user/b", None),
            ("/other", None),
        ] {
            assert_eq!(type_of(&field.parse().unwrap(), &schema).ok().as_deref(), expected, "{field}");
        }
    }
}
