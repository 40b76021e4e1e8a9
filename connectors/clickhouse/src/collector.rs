//! Collects rows in a format: each value is checked against its column. Here, lines of JSON.

use std::{convert::Infallible, ops::Range};

use danube_sink::SinkRecord;

use super::column::{Column, Rules, Violation};

/// Collects the rows of a part of a batch.
pub(super) trait Collector {
    /// A finished part of a batch.
    type Part: Send;
    /// That the format does not carry a value.
    type NotCarried: Send;

    /// Checks a JSON value, and appends it to the row, in the column of this index.
    fn append(
        &mut self,
        index: usize,
        column: &Column,
        json: &str,
        rules: &Rules,
    ) -> Result<(), Refusal<Self::NotCarried>>;

    /// Ends the row. `filled` says for each column of the table whether the row has a value.
    fn end(&mut self, filled: &[bool]);

    /// Removes the values of the row, also one that was not appended to its end.
    fn undo(&mut self, filled: &[bool]);

    /// The part.
    fn finish(self) -> Self::Part;
}

/// Why a value is not in the row.
pub(super) enum Refusal<N> {
    /// The column does not take it.
    Violation(Violation),
    /// The format does not carry it.
    NotCarried(N),
}

impl<N> From<Violation> for Refusal<N> {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// Collects lines of JSON.
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    /// Where the row begins.
    begin: usize,
}

impl Lines {
    /// With room for these records, as a rule.
    pub(super) fn new(records: &[SinkRecord]) -> Self {
        let bytes = records.iter().map(|record| record.bytes().len() + 1).sum();
        Self { bytes: Vec::with_capacity(bytes), begin: 0 }
    }

    /// Appends a value to the row, and returns its range in the lines.
    pub(super) fn put(&mut self, column: &Column, json: &str, rules: &Rules) -> Result<Range<usize>, Violation> {
        let is_first = self.bytes.len() == self.begin;
        self.bytes.extend_from_slice(if is_first { b"{" } else { b"" });
        self.bytes.extend_from_slice(column.prefix(is_first).as_bytes());
        let begin = self.bytes.len();
        column.kind.write(json, rules, &mut self.bytes)?;
        Ok(begin..self.bytes.len())
    }
}

impl Collector for Lines {
    type Part = Vec<u8>;
    type NotCarried = Infallible;

    fn append(&mut self, _: usize, column: &Column, json: &str, rules: &Rules) -> Result<(), Refusal<Infallible>> {
        self.put(column, json, rules)?;
        Ok(())
    }

    fn end(&mut self, _: &[bool]) {
        self.bytes.extend_from_slice(if self.bytes.len() == self.begin { b"{}\n" } else { b"}\n" });
        self.begin = self.bytes.len();
    }

    fn undo(&mut self, _: &[bool]) {
        self.bytes.truncate(self.begin);
    }

    fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
