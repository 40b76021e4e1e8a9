//! Rows as a block of ClickHouse's format `Native`, from lines of JSON whose values are checked already.
//!
//! ```text
//! rows ──Cells, by the types of Columns──▶ Block of each part ──▶ Encoded, one block
//!   └── another type or value: the lines of all parts are sent as they are
//! ```
//!
//! A block names its columns with their types, and the server refuses it if the table has others: so rows can be made of columns that
//! were read a moment before, except where the server takes different types for the same. A record without a value for a column
//! gets the type's default. So a column whose own default would count is carried only if all records have a value for it, or none.
//! A batch is one block, whatever the number of its parts, because servers number the blocks of an insert for deduplication.

mod cells;

use std::{ops::Range, str};

use self::cells::{Cells, put_length};
use super::{column::Columns, row::Collector, server::Encoded, table::Table};

/// Rows of a part of a batch.
#[derive(Debug)]
pub(super) struct Block {
    /// The same rows as JSON.
    pub(super) lines: Vec<u8>,
    rows: usize,
    /// The values of each column of the table that a row has one for; `None` if the format does not carry them.
    cells: Option<Vec<Option<Cells>>>,
}

/// Reads the rows of a part of a batch.
pub(super) struct Reader<'c> {
    columns: &'c Columns,
    rows: usize,
    /// `None` once the format does not carry a value.
    cells: Option<Vec<Option<Cells>>>,
}

impl<'c> Reader<'c> {
    pub(super) fn new(columns: &'c Columns) -> Self {
        Self { columns, rows: 0, cells: Some((0..columns.len()).map(|_| None).collect()) }
    }
}

impl Collector for Reader<'_> {
    type Part = Block;

    fn row(&mut self, lines: &[u8], values: &[Option<Range<usize>>]) {
        let Some(cells) = &mut self.cells else { return };
        let mut is_read = true;
        for (index, (cells, value)) in cells.iter_mut().zip(values).enumerate() {
            is_read &= match (cells, value) {
                (None, None) => true,
                (Some(cells), None) => {
                    cells.append_default(1);
                    true
                }
                (cells, Some(value)) => {
                    if cells.is_none() {
                        *cells = self.columns.at(index).and_then(|column| Cells::of(&column.kind));
                        if let Some(cells) = cells {
                            cells.append_default(self.rows);
                        }
                    }
                    let json = str::from_utf8(&lines[value.clone()]).ok();
                    cells.as_mut().zip(json).is_some_and(|(cells, json)| cells.append(json).is_some())
                }
            };
        }
        self.rows += 1;
        if !is_read {
            self.cells = None;
        }
    }

    fn finish(self, lines: Vec<u8>, rows: usize) -> Block {
        Block { lines, rows, cells: self.cells }
    }
}

/// The block of a batch; `None` if the format does not carry the rows as they are.
///
/// If the columns are not `is_current`, they may have another default by now, or a type that the server takes for the same.
pub(super) fn encoded<'c>(
    table: &Table,
    columns: &'c Columns,
    parts: &[&Block],
    is_current: bool,
) -> Option<Encoded<'c>> {
    let rows: usize = parts.iter().map(|part| part.rows).sum();
    let of_parts: Vec<_> = parts.iter().map(|part| part.cells.as_ref()).collect::<Option<_>>()?;
    let size = of_parts.iter().flat_map(|cells| cells.iter().flatten()).map(Cells::len).sum();
    let mut filled = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let cells = || of_parts.iter().filter_map(|cells| cells[index].as_ref());
        let values: usize = cells().map(Cells::values).sum();
        let is_partly = values > 0 && values < rows;
        // With JSON, the rows would lack it, not the statement.
        let is_zero =
            values == 0 && !column.has_default && column.kind.has_two_defaults() && table.may_fill(&column.name);
        let may_differ = !is_current && (is_partly || is_zero || cells().any(Cells::are_exact));
        if may_differ || is_partly && column.has_default {
            return None;
        }
        if values > 0 || is_zero {
            filled.push((index, column));
        }
    }
    if filled.is_empty() || !table.has_room_for(filled.iter().map(|(_, column)| column.name.as_str())) {
        return None;
    }
    let mut bytes = Vec::with_capacity(size);
    put_length(filled.len(), &mut bytes);
    put_length(rows, &mut bytes);
    for (index, column) in &filled {
        let made = parts.iter().zip(&of_parts).map(|(part, cells)| {
            let mut made = Cells::of(&column.kind)?;
            made.append_default(if cells[*index].is_none() { part.rows } else { 0 });
            Some(made)
        });
        let made: Vec<_> = made.collect::<Option<_>>()?;
        let cells: Vec<_> =
            of_parts.iter().zip(&made).map(|(cells, made)| cells[*index].as_ref().unwrap_or(made)).collect();
        for text in [column.name.as_str(), made.first()?.kind()] {
            put_length(text.len(), &mut bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
        cells::write(&cells, &mut bytes);
    }
    Some(Encoded { columns: filled.into_iter().map(|(_, column)| column.name.as_str()).collect(), bytes })
}
