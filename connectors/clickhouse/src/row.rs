//! The rows of records: which value is for which column.

use std::{borrow::Cow, ptr};

use danube_sink::{
    in_parts,
    json::{Members, string},
    prelude::*,
};

use super::{
    collector::{Collector, Refusal},
    column::{Column, Columns, Rules},
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

/// Why a record has no row.
enum Unwritten<N> {
    Violation(RowViolation),
    NotCarried(N),
}

impl<R: Into<String>, N> From<R> for Unwritten<N> {
    fn from(reason: R) -> Self {
        Self::Violation(RowViolation::Payload(reason.into()))
    }
}

/// A column that the mapping names, and the table has.
struct Named<'t> {
    index: usize,
    column: &'t Column,
    metadata: Option<Metadata>,
}

impl<'t> Rows<'t> {
    pub(super) fn new(table: &'t Table, columns: &'t Columns, rules: Rules) -> Self {
        let written = table.columns.iter().flat_map(NamedFields::fields).chain(table.metadata.fields());
        let (named, fields): (Vec<_>, Vec<_>) = written
            .filter_map(|(name, field)| {
                let metadata = if let Field::Metadata(metadata) = field { Some(metadata) } else { None };
                let index = columns.index(name)?;
                Some((Named { index, column: columns.at(index)?, metadata }, field))
            })
            .unzip();
        let mut taken = vec![false; columns.len()];
        for index in table.metadata.names().filter_map(|name| columns.index(name)) {
            taken[index] = true;
        }
        let (whole, fields) = (table.columns.is_none(), fields.into_iter().collect());
        Self { columns, rules, whole, named, fields, taken }
    }

    /// A row for each record that one can be made of. Each part of the batch has a collector, made for these records.
    pub(super) fn of<'r, C: Collector>(
        &self,
        records: &'r [SinkRecord],
        collector: impl Fn(&[SinkRecord]) -> C + Sync,
    ) -> Result<Made<'r, C::Part>, C::NotCarried> {
        let parts = in_parts(records, |part| {
            // Lines of the other parts are appended to those of the first.
            let appended = if ptr::eq(part.as_ptr(), records.as_ptr()) { records } else { part };
            let mut collector = collector(appended);
            let (mut violations, mut filled) = (Vec::new(), vec![false; self.columns.len()]);
            for record in part {
                filled.fill(false);
                match self.write(record, &mut collector, &mut filled) {
                    Ok(()) => collector.end(&filled),
                    Err(Unwritten::Violation(violation)) => {
                        collector.undo(&filled);
                        violations.push((record, violation));
                    }
                    Err(Unwritten::NotCarried(not_carried)) => return Err(not_carried),
                }
            }
            Ok((collector.finish(), violations))
        });
        let parts: Vec<_> = parts.into_iter().collect::<Result<_, _>>()?;
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
        Ok(made)
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
            let written = named.column.kind.write(sample, &self.rules, &mut row);
            written.map_err(|violation| violation.in_column(named.column.escaped()))?;
        }
        Ok(())
    }

    /// Appends the values of a record.
    fn write<C: Collector>(
        &self,
        record: &SinkRecord,
        collector: &mut C,
        filled: &mut [bool],
    ) -> Result<(), Unwritten<C::NotCarried>> {
        if self.whole {
            self.write_payload(&record.as_json().map_err(ConnectorError::into_reason)?, collector, filled)?;
        }
        if self.named.is_empty() {
            return Ok(());
        }
        let of_fields = self.fields.json_of(record).map_err(ConnectorError::into_reason)?;
        for (Named { index, column, .. }, value) in self.named.iter().zip(of_fields) {
            let Some(value) = value else { continue };
            self.write_value((*index, column), &value, collector, filled)?;
        }
        Ok(())
    }

    fn write_payload<C: Collector>(
        &self,
        json: &str,
        collector: &mut C,
        filled: &mut [bool],
    ) -> Result<(), Unwritten<C::NotCarried>> {
        let mut members = Members::of(json).ok_or("the payload is not a JSON object")?;
        let (mut next, mut count, mut unknown) = (0, 0, 0);
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
                            (count, unknown) = (count + 1, unknown + 1);
                            continue;
                        }
                        None => {
                            let violation = RowViolation::UnknownField(count + 1, name.to_owned());
                            return Err(Unwritten::Violation(violation));
                        }
                    }
                }
            };
            count += 1;
            if self.taken[index] {
                return Err(format!("the payload has a field {}, which is one of `metadata`", column.json()).into());
            }
            if filled[index] {
                return Err(format!("the payload has the field {} twice", column.json()).into());
            }
            self.write_value((index, column), value, collector, filled)?;
            next = index + 1;
        }
        if count > 0 && count == unknown {
            return Err("the table has no column for any field of the payload".into());
        }
        Ok(())
    }

    fn write_value<C: Collector>(
        &self,
        (index, column): (usize, &Column),
        json: &str,
        collector: &mut C,
        filled: &mut [bool],
    ) -> Result<(), Unwritten<C::NotCarried>> {
        filled[index] = true;
        collector.append(index, column, json, &self.rules).map_err(|refusal| match refusal {
            Refusal::Violation(violation) => {
                Unwritten::Violation(RowViolation::Value(violation.in_column(column.escaped())))
            }
            Refusal::NotCarried(not_carried) => Unwritten::NotCarried(not_carried),
        })
    }
}
