//! Encodes records as the content of an object.

mod avro;
mod parquet;
mod table;
mod text;

use std::borrow::Cow;

use arrow_schema::Field as ArrowColumn;
use danube_sink::{Fields, JsonRow, PartialFailure, prelude::*};
use danube_sink_arrow::metadata_column;

use self::table::Table;
use super::{
    content::Content,
    mapping::{Compression, Format, Target},
};

/// Encodes the records of an object.
#[derive(Debug)]
pub(crate) struct Encoder {
    layout: Layout,
    compression: Compression,
}

#[derive(Debug)]
enum Layout {
    /// The whole payload a line.
    Payloads,
    Rows(JsonRow),
    Csv(Cells, bool),
    Parquet(Table),
    Avro(Table),
}

/// Columns as texts.
#[derive(Debug)]
struct Cells {
    names: Vec<String>,
    fields: Fields,
    required: Vec<bool>,
}

impl Encoder {
    pub(crate) fn new(target: &Target) -> Self {
        let columns = || target.columns.iter().map(|column| (column.name.as_str(), column.field()));
        let metadata = || target.metadata.fields();
        let cells = || {
            let (names, fields): (Vec<_>, Vec<_>) = columns().chain(metadata()).unzip();
            let required = target.columns.iter().map(|column| column.required);
            Cells {
                names: names.into_iter().map(str::to_owned).collect(),
                fields: fields.into_iter().collect(),
                required: required.chain(target.metadata.names().map(|_| false)).collect(),
            }
        };
        let layout = match target.format {
            Format::JsonLines if target.columns.is_empty() && target.metadata.is_empty() => Layout::Payloads,
            Format::JsonLines if target.columns.is_empty() => Layout::Rows(JsonRow::whole_with(metadata())),
            Format::JsonLines => {
                let required = target.columns.iter().filter(|column| column.required);
                let required = required.map(|column| column.name.as_str());
                Layout::Rows(JsonRow::of_fields(columns().chain(metadata())).with_required(required))
            }
            Format::Csv => Layout::Csv(cells(), target.has_header()),
            Format::Parquet => Layout::Parquet(table(target)),
            Format::Avro => Layout::Avro(table(target)),
        };
        Self { layout, compression: target.compression() }
    }

    /// Whether something distinguishes the files of a folder.
    pub(crate) fn has_groups(&self) -> bool {
        matches!(&self.layout, Layout::Parquet(table) | Layout::Avro(table) if table.is_registered)
    }

    /// What distinguishes the files of a folder: the version of the schema that gives the columns; `None` if none does.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the schema gives none.
    pub(crate) fn group(&self, record: &SinkRecord) -> ConnectorResult<Option<String>> {
        match &self.layout {
            Layout::Parquet(table) | Layout::Avro(table) => table.group(record),
            _ => Ok(None),
        }
    }

    /// Encodes the records, which have one group. Returns those that the content cannot have; it has the others.
    pub(crate) fn encode(&self, records: &[SinkRecord], content: &mut Content) -> Result<PartialFailure, Failure> {
        match &self.layout {
            Layout::Payloads => text::json_lines(records, self.compression, content, |record, line| {
                line.extend_from_slice(record.as_json()?.as_bytes());
                Ok(())
            }),
            Layout::Rows(row) => {
                text::json_lines(records, self.compression, content, |record, line| row.write(record, line))
            }
            Layout::Csv(cells, header) => {
                let header = header.then_some(&cells.names[..]);
                text::csv(records, self.compression, content, header, |record, line| cells.append(record, line))
            }
            Layout::Parquet(table) => parquet::encode(table, records, self.compression, content),
            Layout::Avro(table) => avro::encode(table, records, self.compression, content),
        }
    }
}

impl Cells {
    /// Appends a row of CSV: strings as they are, everything else as JSON text, nothing for what is missing or null.
    fn append(&self, record: &SinkRecord, line: &mut Vec<u8>) -> ConnectorResult<()> {
        let values = self.fields.json_of(record)?;
        let columns = self.names.iter().zip(&self.required);
        let values = values.iter().map(|value| value.as_deref().filter(|json| *json != "null"));
        if let Some(((name, _), _)) =
            columns.zip(values.clone()).find(|((_, required), value)| **required && value.is_none())
        {
            return Err(ConnectorError::invalid_record(record, format!("it has no value for column `{name}`")));
        }
        let plain = |json| danube_sink::json::string(json).unwrap_or(Cow::Borrowed(json));
        text::row(values.map(|value| value.map_or("".into(), plain)), line);
        Ok(())
    }
}

/// The columns of a mapping as a table.
fn table(target: &Target) -> Table {
    let column = |column: &super::columns::Column| {
        let arrow = ArrowColumn::new(&column.name, column.arrow_type().clone(), !column.required);
        (arrow, Some(column.field()))
    };
    let columns: Vec<_> = target.columns.iter().map(column).collect();
    let metadata = |(which, name): (Metadata, &str)| (metadata_column(name, which), Some(Field::Metadata(which)));
    let units: Vec<(String, TimeUnit)> =
        target.columns.iter().filter_map(|column| Some((column.name.clone(), column.unit?))).collect();
    Table::new(target.columns_from_schema, columns, target.metadata.iter().map(metadata).collect(), units)
}
