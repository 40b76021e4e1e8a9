//! Rows as a block of ClickHouse's format `Native`.
//!
//! ```text
//! rows ──Cells, by the types of Columns──▶ Block of each part ──▶ Encoded, one block
//!   └── another type or value: the rows of all parts are made again, as lines of JSON
//! ```
//!
//! A block names its columns with their types, and the server refuses it if the table has others: so rows can be made of columns that
//! were read a moment before, except where the server takes different types for the same. A record without a value for a column
//! gets the type's default. So a column whose own default would count is carried only if all records have a value for it, or none.
//! A batch is one block, whatever the number of its parts, because servers number the blocks of an insert for deduplication.

mod cells;
mod form;

use self::cells::{Cells, put_length};
use super::{
    collector::{Collector, Refusal},
    column::{Column, Columns, Rules},
    server::Encoded,
    table::Table,
};

/// Rows of a part of a batch.
#[derive(Debug)]
pub(super) struct Block {
    rows: usize,
    /// The values of each column of the table that a row has one for.
    cells: Vec<Option<Cells>>,
}

/// Builds the block of a part of a batch.
#[derive(Debug)]
pub(super) struct BlockBuilder {
    block: Block,
    /// The JSON of a value, as rows have it.
    json: Vec<u8>,
}

/// That a row has a type or value that the format does not carry.
#[derive(Debug)]
pub(super) struct NotCarried;

impl BlockBuilder {
    pub(super) fn new(columns: &Columns) -> Self {
        let cells = (0..columns.len()).map(|_| None).collect();
        Self { block: Block { rows: 0, cells }, json: Vec::new() }
    }
}

impl Collector for BlockBuilder {
    type Part = Block;
    type NotCarried = NotCarried;

    fn append(&mut self, index: usize, column: &Column, json: &str, rules: &Rules) -> Result<(), Refusal<NotCarried>> {
        let cells = &mut self.block.cells[index];
        let cells = match cells {
            Some(cells) => cells,
            None => {
                let mut new = Cells::of(&column.kind).ok_or(Refusal::NotCarried(NotCarried))?;
                new.append_default(self.block.rows);
                cells.insert(new)
            }
        };
        cells.put(&column.kind, json, rules, &mut self.json)
    }

    fn end(&mut self, filled: &[bool]) {
        for (cells, is_filled) in self.block.cells.iter_mut().zip(filled) {
            if let Some(cells) = cells.as_mut().filter(|_| !is_filled) {
                cells.append_default(1);
            }
        }
        self.block.rows += 1;
    }

    fn undo(&mut self, filled: &[bool]) {
        for (cells, is_filled) in self.block.cells.iter_mut().zip(filled) {
            if let Some(cells) = cells.as_mut().filter(|_| *is_filled) {
                cells.undo();
            }
        }
    }

    fn finish(self) -> Block {
        self.block
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
    let size = parts.iter().flat_map(|part| part.cells.iter().flatten()).map(Cells::len).sum();
    let mut filled = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let cells = || parts.iter().filter_map(|part| part.cells[index].as_ref());
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
        let made = parts.iter().map(|part| {
            let mut made = Cells::of(&column.kind)?;
            made.append_default(if part.cells[*index].is_none() { part.rows } else { 0 });
            Some(made)
        });
        let made: Vec<_> = made.collect::<Option<_>>()?;
        let cells: Vec<_> =
            parts.iter().zip(&made).map(|(part, made)| part.cells[*index].as_ref().unwrap_or(made)).collect();
        for text in [column.name.as_str(), made.first()?.kind()] {
            put_length(text.len(), &mut bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
        cells::write(&cells, &mut bytes);
    }
    Some(Encoded { columns: filled.into_iter().map(|(_, column)| column.name.as_str()).collect(), bytes })
}
