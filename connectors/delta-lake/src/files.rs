//! Writes the files of a table, with statistics and values of partitions that no reader is misled by.
//!
//! A reader that filters leaves out the files whose smallest and largest value exclude what it looks for. The library rounds long
//! decimals, and omits infinite numbers and `NaN`: such a file must have no bounds for the column.

use std::{collections::BTreeSet, iter};

use deltalake::{
    DeltaResult, DeltaTable, DeltaTableError,
    arrow::{
        array::{Array, Float32Array, Float64Array, RecordBatch, StructArray},
        datatypes::{DataType, Field, Fields},
    },
    kernel::Add,
    parquet::{
        arrow::ArrowSchemaConverter,
        basic::{Compression, LogicalType, Type},
        file::properties::{EnabledStatistics, WriterProperties},
    },
    writer::{DeltaWriter, RecordBatchWriter},
};
use serde_json::Value;

/// The longest decimals that are exact as 64-bit floating point, in digits.
const EXACT_DIGITS: u8 = 15;

/// A writer for the table.
pub(crate) fn writer(table: &DeltaTable) -> DeltaResult<RecordBatchWriter> {
    let writer = RecordBatchWriter::for_table(table)?;
    let schema = ArrowSchemaConverter::new().convert(&writer.arrow_schema())?;
    let mut properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    for column in schema.columns() {
        // Delta has no statistics of binary values, and the library would warn of each column in each batch.
        if column.physical_type() == Type::BYTE_ARRAY && column.logical_type_ref() != Some(&LogicalType::String) {
            properties = properties.set_column_statistics_enabled(column.path().clone(), EnabledStatistics::None);
        }
    }
    Ok(writer.with_writer_properties(properties.build()))
}

/// The columns of written rows that files have no bounds for, each as the path to it.
#[derive(Debug, Default)]
pub(crate) struct Unbounded(BTreeSet<Vec<String>>);

impl Unbounded {
    /// Takes note of rows that the writer gets.
    pub(crate) fn note(&mut self, rows: &RecordBatch) {
        self.note_columns(&[], rows.schema_ref().fields(), rows.columns());
    }

    fn note_columns(&mut self, parent: &[String], fields: &Fields, columns: &[impl AsRef<dyn Array>]) {
        for (field, column) in fields.iter().zip(columns) {
            let path = [parent, &[field.name().clone()]].concat();
            let any = column.as_ref().as_any();
            if let Some(inner) = any.downcast_ref::<StructArray>() {
                self.note_columns(&path, inner.fields(), inner.columns());
            } else if has_no_bounds(column.as_ref()) {
                self.0.insert(path);
            }
        }
    }

    /// Ends the files of the writer.
    ///
    /// # Errors
    /// Those of the library.
    pub(crate) async fn flush(&self, writer: &mut RecordBatchWriter) -> DeltaResult<Vec<Add>> {
        let mut files = writer.flush().await?;
        let schema = writer.arrow_schema();
        for file in &mut files {
            for (name, value) in &mut file.partition_values {
                let kind = schema.field_with_name(name).map(Field::data_type);
                if let (Ok(DataType::Timestamp(_, Some(_))), Some(time)) = (kind, value) {
                    add_zone(time);
                }
            }
            if let Some(statistics) = file.stats.as_mut().filter(|_| !self.0.is_empty()) {
                *statistics = self.without_bounds(statistics)?;
            }
        }
        Ok(files)
    }

    fn without_bounds(&self, statistics: &str) -> DeltaResult<String> {
        let invalid = |json_err| DeltaTableError::InvalidStatsJson { json_err };
        let mut statistics: Value = serde_json::from_str(statistics).map_err(invalid)?;
        for bounds in ["minValues", "maxValues"] {
            for path in &self.0 {
                let Some((column, parents)) = path.split_last() else { continue };
                let mut keys = iter::once(bounds).chain(parents.iter().map(String::as_str));
                if let Some(Value::Object(values)) = keys.try_fold(&mut statistics, |values, key| values.get_mut(key)) {
                    values.remove(column);
                }
            }
        }
        serde_json::to_string(&statistics).map_err(invalid)
    }
}

/// Writes a time by ISO 8601, in UTC. As the library writes it, without a zone, Spark reads it in the zone of its session.
fn add_zone(time: &mut String) {
    if !time.ends_with('Z') {
        *time = time.replacen(' ', "T", 1) + "Z";
    }
}

fn has_no_bounds(column: &dyn Array) -> bool {
    if let DataType::Decimal128(digits, _) = column.data_type() {
        return *digits > EXACT_DIGITS;
    }
    if let Some(numbers) = column.as_any().downcast_ref::<Float64Array>() {
        return numbers.iter().flatten().any(|number| !number.is_finite());
    }
    let numbers = column.as_any().downcast_ref::<Float32Array>();
    numbers.is_some_and(|numbers| numbers.iter().flatten().any(|number| !number.is_finite()))
}
