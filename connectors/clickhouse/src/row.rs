//! The rows of records: JSON objects whose values are checked against the table's columns.

use std::{borrow::Cow, ops::Range, ptr};

use danube_sink::{
    in_parts,
    json::{Members, string},
    prelude::*,
};

use super::{
    column::{ColumnType, Columns, Rules, Violation},
    table::Table,
};

/// Converts the records of a mapping to rows.
pub(super) struct Rows<'t> {
    columns: &'t Columns,
    rules: Rules,
    /// Whether a row begins with the fields of the payload.
    whole: bool,
    named: Vec<Named<'t>>,
    /// The values of `named`.
    fields: Fields,
    /// For each column of the table, whether metadata fill it.
    taken: Vec<bool>,
}

/// Collects the rows of a part of a batch.
pub(super) trait Collector {
    /// A finished part of a batch.
    type Part: Send;

    /// A row has been appended to the lines of JSON. For each column of the table, `values` has the range of its value in them,
    /// or `None` without one.
    fn row(&mut self, lines: &[u8], values: &[Option<Range<usize>>]);

    /// The part of so many lines.
    fn finish(self, lines: Vec<u8>, rows: usize) -> Self::Part;
}

/// Collects the lines of JSON.
pub(super) struct Lines;

impl Collector for Lines {
    type Part = Vec<u8>;

    fn row(&mut self, _: &[u8], _: &[Option<Range<usize>>]) {}

    fn finish(self, lines: Vec<u8>, _: usize) -> Vec<u8> {
        lines
    }
}

/// The rows of a batch.
pub(super) struct Made<'r, P> {
    /// The rows of `records`, in parts.
    pub(super) parts: Vec<P>,
    /// The records that are not rejected.
    pub(super) records: Cow<'r, [SinkRecord]>,
    pub(super) rejected: PartialFailure,
    /// The fields without a column, one of each record that is rejected for it.
    pub(super) unknown: Vec<String>,
}

impl<'r, P> Made<'r, P> {
    /// With other parts.
    pub(super) fn map<Q>(self, convert: impl Fn(P) -> Q) -> Made<'r, Q> {
        let Self { parts, records, rejected, unknown } = self;
        Made { parts: parts.into_iter().map(convert).collect(), records, rejected, unknown }
    }

    fn reject(&mut self, record: &SinkRecord, violation: RowViolation) {
        match violation {
            RowViolation::Payload(reason) => drop(self.rejected.invalid(record, reason)),
            // Not invalid: if every record is rejected for the table, the table is the more likely cause.
            RowViolation::Value(reason) => drop(self.rejected.reject(record, reason)),
            RowViolation::UnknownField(number, name) => {
                let reason = format!("the table has no column for field {number} of the payload");
                self.rejected.reject(record, reason);
                self.unknown.push(name);
            }
        }
    }
}

/// Why a record is rejected.
enum RowViolation {
    /// The payload cannot be a row of any table.
    Payload(String),
    /// A column does not take the value; one of another type could.
    Value(String),
    /// The table has no column for the payload's field of this number and name.
    UnknownField(usize, String),
}

impl<R: Into<String>> From<R> for RowViolation {
    fn from(reason: R) -> Self {
        Self::Payload(reason.into())
    }
}

/// A column that the mapping names, and the table has.
struct Named<'t> {
    name: &'t str,
    /// The name as JSON, and the colon.
    json: String,
    index: usize,
    kind: &'t ColumnType,
    metadata: Option<Metadata>,
}

impl<'t> Rows<'t> {
    pub(super) fn new(table: &'t Table, columns: &'t Columns, rules: Rules) -> Self {
        let of_payload = table.columns.iter().flatten().map(|(name, field)| (name.as_str(), field.clone()));
        let metadata = table.metadata.fields();
        let (named, fields): (Vec<_>, Vec<_>) = of_payload
            .chain(metadata)
            .filter_map(|(name, field)| {
                let metadata = if let Field::Metadata(metadata) = field { Some(metadata) } else { None };
                let json = format!("{}:", serde_json::Value::from(name));
                let index = columns.index(name)?;
                let kind = &columns.at(index)?.kind;
                Some((Named { name, json, index, kind, metadata }, field))
            })
            .unzip();
        let mut taken = vec![false; columns.len()];
        for index in table.metadata.names().filter_map(|name| columns.index(name)) {
            taken[index] = true;
        }
        let (whole, fields) = (table.columns.is_none(), fields.into_iter().collect());
        Self { columns, rules, whole, named, fields, taken }
    }

    /// A row for each record that one can be made of. Each part of the batch has a collector.
    pub(super) fn of<'r, C: Collector>(
        &self,
        records: &'r [SinkRecord],
        collector: impl Fn() -> C + Sync,
    ) -> Made<'r, C::Part> {
        let parts = in_parts(records, |part| {
            // The lines of the other parts are appended to those of the first.
            let appended = if ptr::eq(part.as_ptr(), records.as_ptr()) { records } else { part };
            let mut lines = Vec::with_capacity(appended.iter().map(|record| record.bytes().len() + 1).sum());
            let (mut collector, mut violations, mut values) = (collector(), Vec::new(), Vec::new());
            for record in part {
                match self.write(record, &mut lines, &mut values) {
                    Ok(()) => {
                        collector.row(&lines, &values);
                        lines.push(b'\n');
                    }
                    Err(violation) => violations.push((record, violation)),
                }
            }
            (collector.finish(lines, part.len() - violations.len()), violations)
        });
        let (parts, violations): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let violations: Vec<_> = violations.into_iter().flatten().collect();
        let mut made =
            Made { parts, records: records.into(), rejected: PartialFailure::default(), unknown: Vec::new() };
        if !violations.is_empty() {
            let mut next = violations.iter().peekable();
            let is_valid = |record: &&SinkRecord| next.next_if(|(invalid, _)| ptr::eq(*invalid, *record)).is_none();
            made.records = records.iter().filter(is_valid).cloned().collect();
        }
        for (record, violation) in violations {
            made.reject(record, violation);
        }
        made
    }

    /// Checks that the metadata columns can hold their values.
    pub(super) fn hold_metadata(&self) -> Result<(), String> {
        let mut row = Vec::new();
        for named in &self.named {
            let sample = match named.metadata {
                Some(Metadata::Offset) => "0",
                Some(Metadata::PublishTime) => "\"2024-01-31T23:59:59.123456Z\"",
                Some(Metadata::Topic | Metadata::Id) => "\"/default/topic\"",
                // These depend on the producer.
                _ => continue,
            };
            named.kind.write(sample, &self.rules, &mut row).map_err(|violation| violation.in_column(named.name))?;
        }
        Ok(())
    }

    /// Appends a row. `values` becomes the range of each column's value.
    fn write(
        &self,
        record: &SinkRecord,
        row: &mut Vec<u8>,
        values: &mut Vec<Option<Range<usize>>>,
    ) -> Result<(), RowViolation> {
        let begin = row.len();
        row.push(b'{');
        values.clear();
        values.resize(self.columns.len(), None);
        let written = self.write_fields(record, row, values);
        match written {
            Ok(()) => row.push(b'}'),
            Err(_) => row.truncate(begin),
        }
        written
    }

    fn write_fields(
        &self,
        record: &SinkRecord,
        row: &mut Vec<u8>,
        values: &mut [Option<Range<usize>>],
    ) -> Result<(), RowViolation> {
        let begin = row.len();
        if self.whole {
            self.write_payload(&record.as_json().map_err(ConnectorError::into_reason)?, row, values)?;
        }
        if self.named.is_empty() {
            return Ok(());
        }
        let of_fields = self.fields.json_of(record).map_err(ConnectorError::into_reason)?;
        for (named, value) in self.named.iter().zip(of_fields) {
            let Some(value) = value else { continue };
            if row.len() > begin {
                row.push(b',');
            }
            row.extend_from_slice(named.json.as_bytes());
            let begin = row.len();
            let violation = |violation: Violation| RowViolation::Value(violation.in_column(named.name));
            named.kind.write(&value, &self.rules, row).map_err(violation)?;
            values[named.index] = Some(begin..row.len());
        }
        Ok(())
    }

    fn write_payload(
        &self,
        json: &str,
        row: &mut Vec<u8>,
        values: &mut [Option<Range<usize>>],
    ) -> Result<(), RowViolation> {
        let mut members = Members::of(json).ok_or("the payload is not a JSON object")?;
        let (mut next, begin, mut count) = (0, row.len(), 0);
        loop {
            // Most payloads have their fields in the order of the columns.
            let expected =
                self.columns.at(next).and_then(|column| Some((next, column, members.next_if(column.prefix(true))?)));
            let (index, column, value) = match expected {
                Some(expected) => expected,
                None => {
                    let Some((name, value)) = members.next() else { break };
                    let index = string(name).and_then(|name| self.columns.index(&name));
                    match index.and_then(|index| Some((index, self.columns.at(index)?, value))) {
                        Some(known) => known,
                        None if self.rules.skip_unknown => {
                            count += 1;
                            continue;
                        }
                        None => return Err(RowViolation::UnknownField(count + 1, name.to_owned())),
                    }
                }
            };
            count += 1;
            if self.taken[index] {
                return Err(format!("the payload has a field {}, which is one of `metadata`", column.json()).into());
            }
            if values[index].is_some() {
                return Err(format!("the payload has the field {} twice", column.json()).into());
            }
            row.extend_from_slice(column.prefix(row.len() == begin).as_bytes());
            let value_begin = row.len();
            let violation =
                |violation: Violation| RowViolation::Value(violation.in_column(column.json().trim_matches('"')));
            column.kind.write(value, &self.rules, row).map_err(violation)?;
            (values[index], next) = (Some(value_begin..row.len()), index + 1);
        }
        if count > 0 && row.len() == begin {
            return Err("the table has no column for any field of the payload".into());
        }
        Ok(())
    }
}
