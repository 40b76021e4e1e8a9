//! The rows of records: JSON objects whose values are checked against the table's columns.

use danube_sink::{in_parts, prelude::*};

use super::{
    column::{ColumnType, Columns, Rules, Violation, members, string},
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

/// The rows of a batch.
pub(super) struct Made<P> {
    /// The rows of `records`, in parts.
    pub(super) parts: Vec<P>,
    pub(super) records: Vec<SinkRecord>,
    pub(super) rejected: PartialFailure,
    /// The fields without a column, one of each record that is rejected for it.
    pub(super) unknown: Vec<String>,
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

/// A column that the mapping names.
struct Named<'t> {
    name: &'t str,
    /// The name as JSON, and the colon.
    json: String,
    /// `None` for a missing column, which the server reports.
    kind: Option<&'t ColumnType>,
    metadata: Option<Metadata>,
}

impl<'t> Rows<'t> {
    pub(super) fn new(table: &'t Table, columns: &'t Columns, rules: Rules) -> Self {
        let of_payload = table.columns.iter().flatten().map(|(name, field)| (name.as_str(), field.clone()));
        let metadata = table.metadata.fields();
        let (named, fields): (Vec<_>, Vec<_>) = of_payload
            .chain(metadata)
            .map(|(name, field)| {
                let metadata = if let Field::Metadata(metadata) = field { Some(metadata) } else { None };
                let json = format!("{}:", serde_json::Value::from(name));
                (Named { name, json, kind: columns.kind(name), metadata }, field)
            })
            .unzip();
        let mut taken = vec![false; columns.len()];
        for index in table.metadata.names().filter_map(|name| columns.index(name)) {
            taken[index] = true;
        }
        let (whole, fields) = (table.columns.is_none(), fields.into_iter().collect());
        Self { columns, rules, whole, named, fields, taken }
    }

    /// A row for each record that one can be made of. `convert` gets the rows of a part of the batch as lines of JSON, and their
    /// number.
    pub(super) fn of<P: Send>(&self, records: &[SinkRecord], convert: impl Fn(Vec<u8>, usize) -> P + Sync) -> Made<P> {
        let parts = in_parts(records, |part| {
            let mut lines = Vec::with_capacity(part.iter().map(|record| record.bytes().len() + 1).sum());
            let (mut valid, mut violations) = (Vec::with_capacity(part.len()), Vec::new());
            let mut seen = Vec::new();
            for record in part {
                match self.write(record, &mut lines, &mut seen) {
                    Ok(()) => {
                        lines.push(b'\n');
                        valid.push(record.clone());
                    }
                    Err(violation) => violations.push((record, violation)),
                }
            }
            (convert(lines, valid.len()), valid, violations)
        });
        let mut all =
            Made { parts: Vec::new(), records: Vec::new(), rejected: PartialFailure::default(), unknown: Vec::new() };
        for (part, valid, violations) in parts {
            all.parts.push(part);
            all.records.extend(valid);
            for (record, violation) in violations {
                match violation {
                    RowViolation::Payload(reason) => drop(all.rejected.invalid(record, reason)),
                    // Not invalid: if every record is rejected for the table, the table is the more likely cause.
                    RowViolation::Value(reason) => drop(all.rejected.reject(record, reason)),
                    RowViolation::UnknownField(number, name) => {
                        let reason = format!("the table has no column for field {number} of the payload");
                        all.rejected.reject(record, reason);
                        all.unknown.push(name);
                    }
                }
            }
        }
        all
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
            if let Some(kind) = named.kind {
                kind.write(sample, &self.rules, &mut row).map_err(|violation| violation.in_column(named.name))?;
            }
        }
        Ok(())
    }

    /// Appends a row. `seen` is memory for the columns that it has values for.
    fn write(&self, record: &SinkRecord, row: &mut Vec<u8>, seen: &mut Vec<bool>) -> Result<(), RowViolation> {
        let begin = row.len();
        row.push(b'{');
        let written = self.write_fields(record, row, seen);
        match written {
            Ok(()) => row.push(b'}'),
            Err(_) => row.truncate(begin),
        }
        written
    }

    fn write_fields(&self, record: &SinkRecord, row: &mut Vec<u8>, seen: &mut Vec<bool>) -> Result<(), RowViolation> {
        let begin = row.len();
        if self.whole {
            self.write_payload(&record.as_json().map_err(reason)?, row, seen)?;
        }
        let values = self.fields.json_of(record).map_err(reason)?;
        for (named, value) in self.named.iter().zip(values) {
            let Some(value) = value else { continue };
            if row.len() > begin {
                row.push(b',');
            }
            row.extend_from_slice(named.json.as_bytes());
            match named.kind {
                Some(kind) => {
                    let violation = |violation: Violation| RowViolation::Value(violation.in_column(named.name));
                    kind.write(&value, &self.rules, row).map_err(violation)?;
                }
                None => row.extend_from_slice(value.as_bytes()),
            }
        }
        Ok(())
    }

    fn write_payload(&self, json: &str, row: &mut Vec<u8>, seen: &mut Vec<bool>) -> Result<(), RowViolation> {
        let members = members(json).ok_or("the payload is not a JSON object")?;
        let (mut next, begin, mut count) = (0, row.len(), 0);
        seen.clone_from(&self.taken);
        for (name, value) in members {
            count += 1;
            // Most payloads have their fields in the order of the columns.
            let expected = self.columns.at(next).filter(|column| column.json == name);
            let index = match expected {
                Some(_) => Some(next),
                None => string(name).and_then(|name| self.columns.index(&name)),
            };
            let Some((index, column)) = index.and_then(|index| Some((index, self.columns.at(index)?))) else {
                if self.rules.skip_unknown {
                    continue;
                }
                return Err(RowViolation::UnknownField(count, name.to_owned()));
            };
            if self.taken[index] {
                return Err(format!("the payload has a field {}, which is one of `metadata`", column.json).into());
            }
            if seen[index] {
                return Err(format!("the payload has the field {} twice", column.json).into());
            }
            (seen[index], next) = (true, index + 1);
            if row.len() > begin {
                row.push(b',');
            }
            row.extend_from_slice(column.json.as_bytes());
            row.push(b':');
            let violation =
                |violation: Violation| RowViolation::Value(violation.in_column(column.json.trim_matches('"')));
            column.kind.write(value, &self.rules, row).map_err(violation)?;
        }
        if count > 0 && row.len() == begin {
            return Err("the table has no column for any field of the payload".into());
        }
        Ok(())
    }
}

/// The reason of an invalid record, without its id.
fn reason(error: ConnectorError) -> String {
    match error {
        ConnectorError::InvalidRecord { reason, .. } => reason,
        other => other.report(),
    }
}
