//! Tables made from registered schemas, and columns added for new fields.

use std::collections::BTreeMap;

use danube_sink::{
    config::{Mapping, MappingSettings},
    prelude::*,
    schema::{ColumnKind, SchemaColumn},
};

use super::{
    answer::Hidden,
    column::Columns,
    opened::Target,
    server::Server,
    table::{Table, add_column_statement},
};

/// The most digits that a `Decimal` has, on servers before 21.11 and on later ones.
const DECIMAL_DIGITS: [usize; 2] = [38, 76];

/// The columns of a new table: those that the mapping names, or those of the registered schema and of the metadata.
///
/// # Errors
/// The mapping names no subject, the schema cannot be looked up, or a field has the name of metadata.
pub(super) async fn new_table(
    mapping: &Mapping<Table>,
    named: Option<&BTreeMap<String, String>>,
    config: &ConnectorConfig,
    is_old: bool,
) -> ConnectorResult<Vec<(String, String)>> {
    if let Some(named) = named {
        return Ok(named.iter().map(|(name, kind)| (name.clone(), kind.clone())).collect());
    }
    let MappingSettings { consumer, .. } = &mapping.settings;
    let schema = config.table_schema(&mapping.settings).await?;
    let names = schema.columns().iter().map(|column| column.name.as_str());
    mapping.own.metadata.differ_from(names).map_err(|repeated| {
        ConnectorError::configuration(format!("`metadata` of {}: {}", consumer.topic, repeated.message()))
    })?;
    let of_schema = schema.columns().iter().map(|column| (column.name.clone(), column_type(column, is_old)));
    let metadata =
        mapping.own.metadata.iter().map(|(which, name)| (name.to_owned(), metadata_type(which, is_old).to_owned()));
    Ok(of_schema.chain(metadata).collect())
}

impl Server {
    /// Adds the columns of the records' schemas that the table lacks, if the mapping says so. Whether the table has changed.
    pub(super) async fn add_columns(
        &self,
        target: Target<'_>,
        columns: &Columns,
        records: &[SinkRecord],
    ) -> Result<bool, Failure> {
        let new = new_columns(target.table, columns, records);
        for column in &new {
            // Existing rows have no value.
            let column = SchemaColumn { nullable: true, ..column.clone() };
            let kind = column_type(&column, self.is_old());
            let statement = add_column_statement(target.name, self.cluster.as_deref(), &column.name, &kind);
            let added = self.query(&statement, Hidden { rows: None, table: target.by_content }).await;
            // Another instance may have added it.
            if let Err(failure) = added
                && !self.describe(target).await?.has(&column.name)
            {
                return Err(failure);
            }
        }
        Ok(!new.is_empty())
    }
}

/// The columns of the records' schemas that the table lacks, if the mapping adds them.
pub(super) fn new_columns(table: &Table, columns: &Columns, records: &[SinkRecord]) -> Vec<SchemaColumn> {
    if table.columns.is_some() {
        return Vec::new();
    }
    table.on_new_field.columns_to_add(records, |name| columns.has(name))
}

/// The type of a column for the values of a field. Before version 21.11, the server lacks many types.
fn column_type(column: &SchemaColumn, is_old: bool) -> String {
    of_kind(&column.kind, column.nullable, is_old)
}

fn of_kind(kind: &ColumnKind, nullable: bool, is_old: bool) -> String {
    let text = "String".to_owned();
    let most_digits = DECIMAL_DIGITS[usize::from(!is_old)];
    let scalar = match kind {
        ColumnKind::Bool if is_old => "UInt8".to_owned(),
        ColumnKind::Bool => "Bool".to_owned(),
        ColumnKind::Int32 => "Int32".to_owned(),
        ColumnKind::Int64 => "Int64".to_owned(),
        ColumnKind::UInt64 => "UInt64".to_owned(),
        ColumnKind::Float32 => "Float32".to_owned(),
        ColumnKind::Float64 => "Float64".to_owned(),
        ColumnKind::Decimal { precision, scale } if *precision <= most_digits => {
            format!("Decimal({precision}, {scale})")
        }
        ColumnKind::Uuid => "UUID".to_owned(),
        ColumnKind::Date if is_old => "Date".to_owned(),
        ColumnKind::Date => "Date32".to_owned(),
        ColumnKind::Timestamp { unit, zoned } if !is_old => {
            let zone = if *zoned { ", 'UTC'" } else { "" };
            format!("DateTime64({}{zone})", unit.digits())
        }
        // These are never `NULL`: a nullable one is JSON text, so that `null` and empty stay different.
        ColumnKind::List { of, nullable: has_nulls } if !nullable => {
            return format!("Array({})", of_kind(of, *has_nulls, is_old));
        }
        ColumnKind::Map { of, nullable: has_nulls } if !nullable && !is_old => {
            return format!("Map(String, {})", of_kind(of, *has_nulls, is_old));
        }
        _ => text,
    };
    if nullable { format!("Nullable({scalar})") } else { scalar }
}

fn metadata_type(which: Metadata, is_old: bool) -> &'static str {
    match which {
        Metadata::Topic | Metadata::Producer | Metadata::Id => "String",
        Metadata::Key => "Nullable(String)",
        Metadata::Partition => "Nullable(UInt32)",
        Metadata::Offset => "UInt64",
        Metadata::PublishTime if is_old => "DateTime('UTC')",
        Metadata::PublishTime => "DateTime64(6, 'UTC')",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_holds_every_value_of_its_field() {
        let list = |nullable| ColumnKind::List { of: Box::new(ColumnKind::Int64), nullable };
        let timestamp = ColumnKind::Timestamp { unit: TimeUnit::Milliseconds, zoned: true };
        for (kind, nullable, current, old) in [
            (ColumnKind::Bool, true, "Nullable(Bool)", "Nullable(UInt8)"),
            (ColumnKind::Decimal { precision: 50, scale: 2 }, false, "Decimal(50, 2)", "String"),
            (ColumnKind::Decimal { precision: 80, scale: 2 }, false, "String", "String"),
            (timestamp, true, "Nullable(DateTime64(3, 'UTC'))", "Nullable(String)"),
            (list(true), false, "Array(Nullable(Int64))", "Array(Nullable(Int64))"),
            (list(false), true, "Nullable(String)", "Nullable(String)"),
            (ColumnKind::Struct(Vec::new()), false, "String", "String"),
            (ColumnKind::Json, true, "Nullable(String)", "Nullable(String)"),
        ] {
            assert_eq!([false, true].map(|is_old| of_kind(&kind, nullable, is_old)), [current, old], "{kind:?}");
        }
    }
}
