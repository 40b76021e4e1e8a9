//! Rows as an Arrow stream, from lines of JSON whose values are checked already.
//!
//! ```text
//! rows ──Cells, by the types of Columns──▶ RecordBatch ──arrow-ipc──▶ Encoded
//!   └── another type or value: arrow-json ────┘ │
//!         a value that Arrow reads differently, or does not have: None, and the batch is sent as JSON
//! ```
//!
//! A record without a value for a column is null in Arrow, which the server replaces by the type's default, but not in a tuple. So a
//! column whose own default would count, and a tuple, is carried only if all records have a value for it, or none.

mod cells;

use std::{convert::Infallible, ops::Range, str, sync::Arc};

use arrow_array::{Array, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use danube_sink::SinkRecord;

use self::cells::{Cells, cells};
use super::{
    collector::{Collector, Lines, Refusal},
    column::{Column, ColumnType, Columns, Rules, tick_digits},
    server::Encoded,
    table::Table,
};

/// The largest precision of a decimal of 128 bits.
const DIGITS_OF_128_BITS: i64 = 38;

/// The conversion of rows to Arrow.
pub(super) struct Converter<'c> {
    /// The columns that rows may have.
    columns: Vec<&'c Column>,
    /// Their indices in the table.
    indices: Vec<usize>,
    /// `None` if a column has a type that Arrow cannot carry.
    schema: Option<SchemaRef>,
}

impl<'c> Converter<'c> {
    pub(super) fn new(table: &Table, columns: &'c Columns) -> Self {
        let is_missing = |name: &str| columns.index(name).is_none();
        let filled: Vec<_> = columns.iter().filter(|column| table.may_fill(&column.name)).collect();
        // The server reports a missing column when it gets JSON.
        let schema = if table.named_columns().any(is_missing) { None } else { schema(&filled) };
        let indices = filled.iter().filter_map(|column| columns.index(&column.name)).collect();
        Self { columns: filled, indices, schema }
    }

    /// Reads the rows of a part of a batch, with room for these records; `None` if Arrow cannot carry them as they are.
    pub(super) fn reader(
        &self,
        records: &[SinkRecord],
    ) -> impl Collector<Part = Option<RecordBatch>, NotCarried = Infallible> + use<'_, 'c> {
        let values = self.indices.iter().max().map_or(0, |last| last + 1);
        Reader { converter: self, cells: self.cells(), lines: Lines::new(records), values: vec![0..0; values], rows: 0 }
    }

    /// For each column, its values; `None` if one has a type that only [`read`](Self::read) knows.
    fn cells(&self) -> Option<Vec<Box<dyn Cells>>> {
        let fields = self.schema.as_ref()?.fields();
        let cells = self.columns.iter().zip(fields).map(|(column, field)| {
            let kind = if let ColumnType::Nullable(kind) = &column.kind { kind } else { &column.kind };
            cells(kind, field.data_type())
        });
        cells.collect()
    }

    /// Rows from so many lines of JSON; `None` if Arrow cannot carry them as they are.
    fn read(&self, lines: &[u8], rows: usize) -> Option<RecordBatch> {
        let schema = self.schema.as_ref()?;
        let mut decoder = ReaderBuilder::new(Arc::clone(schema)).with_batch_size(rows.max(1)).build_decoder().ok()?;
        // Errors have values of rows.
        decoder.decode(lines).ok()?;
        let batch = decoder.flush().ok()?.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(schema)));
        Some(batch).filter(|batch| batch.num_rows() == rows)
    }

    /// The stream of rows; `None` if Arrow cannot carry them as they are.
    pub(super) fn stream(&self, batches: &[RecordBatch]) -> Option<Encoded<'c>> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let nulls = |index: usize| batches.iter().map(|batch| batch.column(index).null_count()).sum::<usize>();
        let mut kept = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let (nulls, is_nullable) = (nulls(index), matches!(column.kind, ColumnType::Nullable(_)));
            if column.has_default && nulls > 0 && (is_nullable || nulls < rows) {
                return None;
            }
            // With JSON, the rows would lack it, not the statement.
            let is_kept = nulls < rows || !column.has_default && column.kind.has_two_defaults();
            // In a tuple that is null, the parts are null, which the server does not take.
            if is_kept && nulls > 0 && matches!(column.kind, ColumnType::Tuple(_)) {
                return None;
            }
            if is_kept {
                kept.push(index);
            }
        }
        let schema = self.schema.as_ref()?.project(&kept).ok().filter(|_| !kept.is_empty())?;
        let batches = batches.iter().filter(|batch| batch.num_rows() > 0).map(|batch| batch.project(&kept));
        let batches: Vec<_> = batches.collect::<Result<_, _>>().ok()?;
        let columns = kept.into_iter().map(|index| self.columns[index].name.as_str()).collect();
        Some(Encoded { columns, bytes: written(&schema, &batches).ok()? })
    }

    /// A stream without rows, of all columns.
    ///
    /// # Errors
    /// The columns whose types Arrow cannot carry.
    pub(super) fn empty_stream(&self) -> Result<Encoded<'c>, String> {
        let Some(schema) = &self.schema else {
            let is_carried = |column: &&&Column| field(&column.name, &column.kind).is_some();
            let others = self.columns.iter().filter(|column| !is_carried(column)).map(|column| column.name.as_str());
            let others = others.collect::<Vec<_>>().join(", ");
            return Err(format!(
                "`format = \"arrow_stream\"` has no type for {others}: name other columns in `columns`, or use `json_each_row`"
            ));
        };
        let bytes = written(schema, &[]).map_err(|error| error.to_string())?;
        Ok(Encoded { columns: self.columns.iter().map(|column| column.name.as_str()).collect(), bytes })
    }
}

/// Reads the rows of a part of a batch.
struct Reader<'c> {
    converter: &'c Converter<'c>,
    /// `None` once a value cannot be read into them.
    cells: Option<Vec<Box<dyn Cells>>>,
    lines: Lines,
    /// The ranges of the row's values in the lines, for the columns of the table.
    values: Vec<Range<usize>>,
    rows: usize,
}

impl Collector for Reader<'_> {
    type Part = Option<RecordBatch>;
    type NotCarried = Infallible;

    fn append(&mut self, index: usize, column: &Column, json: &str, rules: &Rules) -> Result<(), Refusal<Infallible>> {
        self.values[index] = self.lines.put(column, json, rules)?;
        Ok(())
    }

    fn end(&mut self, filled: &[bool]) {
        self.lines.end(filled);
        self.rows += 1;
        let Some(cells) = &mut self.cells else { return };
        let lines = &self.lines.bytes;
        let is_read = cells.iter_mut().zip(&self.converter.indices).all(|(cells, index)| {
            match filled[*index].then(|| str::from_utf8(&lines[self.values[*index].clone()])) {
                None | Some(Ok("null")) => cells.append(None),
                Some(Ok(json)) => cells.append(Some(json)),
                Some(Err(_)) => false,
            }
        });
        // An array of texts has its offsets in 32 bits.
        if !is_read || i32::try_from(lines.len()).is_err() {
            self.cells = None;
        }
    }

    fn undo(&mut self, filled: &[bool]) {
        self.lines.undo(filled);
    }

    fn finish(self) -> Self::Part {
        let Some(cells) = self.cells else { return self.converter.read(&self.lines.bytes, self.rows) };
        let arrays = cells.into_iter().map(|mut cells| cells.finish()).collect();
        RecordBatch::try_new(Arc::clone(self.converter.schema.as_ref()?), arrays).ok()
    }
}

fn written(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    // Enough for all rows, so that they are copied once.
    let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    let mut writer = StreamWriter::try_new(Vec::with_capacity(bytes), schema)?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.into_inner()
}

fn schema(filled: &[&Column]) -> Option<SchemaRef> {
    // Every column may be missing in a record.
    let fields = filled.iter().map(|column| Some(field(&column.name, &column.kind)?.with_nullable(true)));
    Some(Arc::new(Schema::new(fields.collect::<Option<Fields>>()?)))
}

fn field(name: &str, kind: &ColumnType) -> Option<Field> {
    let (kind, is_nullable) = match kind {
        ColumnType::Nullable(kind) => (&**kind, true),
        kind => (kind, false),
    };
    Some(Field::new(name, data_type(kind)?, is_nullable))
}

/// The type that holds each value of a column as rows have it; `None` if none does, or if the server does not read it.
fn data_type(kind: &ColumnType) -> Option<DataType> {
    Some(match kind {
        ColumnType::Integer(range) => match range.bits()? {
            (8, true) => DataType::Int8,
            (16, true) => DataType::Int16,
            (32, true) => DataType::Int32,
            (64, true) => DataType::Int64,
            (8, false) => DataType::UInt8,
            (16, false) => DataType::UInt16,
            (32, false) => DataType::UInt32,
            (64, false) => DataType::UInt64,
            _ => return None,
        },
        ColumnType::Float(largest) if *largest == f64::MAX => DataType::Float64,
        ColumnType::Float(largest) if *largest == f64::from(f32::MAX) => DataType::Float32,
        ColumnType::Decimal { before, behind } => {
            let (precision, scale) = (u8::try_from(before + behind).ok()?, i8::try_from(*behind).ok()?);
            match before + behind {
                ..=DIGITS_OF_128_BITS => DataType::Decimal128(precision, scale),
                _ => DataType::Decimal256(precision, scale),
            }
        }
        ColumnType::Bool => DataType::Boolean,
        ColumnType::String
        | ColumnType::FixedString(_)
        | ColumnType::Enum { .. }
        | ColumnType::Uuid
        | ColumnType::Ipv4
        | ColumnType::Ipv6 => DataType::Utf8,
        ColumnType::Date | ColumnType::Date32 => DataType::Date32,
        // Rows have seconds, or a time in the column's zone, which is sent as JSON.
        ColumnType::DateTime { .. } => DataType::UInt32,
        ColumnType::DateTime64 { digits, zone } => {
            let unit = match tick_digits(*digits) {
                0 => TimeUnit::Second,
                3 => TimeUnit::Millisecond,
                6 => TimeUnit::Microsecond,
                _ => TimeUnit::Nanosecond,
            };
            DataType::Timestamp(unit, Some(zone.as_str().into()))
        }
        ColumnType::Array(of) => DataType::List(Arc::new(field("item", of)?)),
        ColumnType::Tuple(elements) => {
            let fields = elements.iter().map(|(name, kind)| field(name.as_deref()?, kind));
            DataType::Struct(fields.collect::<Option<_>>()?)
        }
        ColumnType::Map(key, value) => {
            let entry = Fields::from(vec![field("keys", key)?, field("values", value)?]);
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
        }
        ColumnType::Float(_) | ColumnType::Time | ColumnType::Nullable(_) | ColumnType::Json(_) | ColumnType::Other => {
            return None;
        }
    })
}
