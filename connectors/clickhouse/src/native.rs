//! Rows as blocks of ClickHouse's format `Native`, from lines of JSON whose values are checked already.
//!
//! ```text
//! rows ──Cells, by the types of Columns──▶ Block of each part ──▶ Encoded
//!   └── another type or value: the lines of all parts are sent as they are
//! ```
//!
//! A block names its columns with their types, and the server refuses it if the table has others: so rows can be made of columns that
//! were read for an earlier batch. A record without a value for a column gets the type's default. So a column whose own default would
//! count is carried only if all records have a value for it, or none.

mod cells;

use std::{ops::Range, str};

use self::cells::{Cells, put_length};
use super::{
    column::{Column, Columns},
    row::Collector,
    server::Encoded,
};

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

/// The blocks of the parts of a batch; `None` if the format does not carry the rows as they are. Columns that are not `current` may
/// have a default meanwhile.
pub(super) fn encoded<'c>(columns: &'c Columns, current: bool, blocks: &[&Block]) -> Option<Encoded<'c>> {
    let rows: usize = blocks.iter().map(|block| block.rows).sum();
    let of_blocks: Vec<_> = blocks.iter().map(|block| block.cells.as_ref()).collect::<Option<_>>()?;
    let mut kept: Vec<(usize, &Column, &Cells)> = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let of_blocks = of_blocks.iter().filter_map(|cells| cells[index].as_ref());
        let values: usize = of_blocks.clone().map(Cells::values).sum();
        if (column.has_default || !current) && values > 0 && values < rows {
            return None;
        }
        kept.extend(of_blocks.max_by_key(|cells| cells.values()).map(|cells| (index, column, cells)));
    }
    if kept.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(of_blocks.iter().flat_map(|cells| cells.iter().flatten()).map(Cells::len).sum());
    for (block, cells) in blocks.iter().zip(of_blocks).filter(|(block, _)| block.rows > 0) {
        put_length(kept.len(), &mut bytes);
        put_length(block.rows, &mut bytes);
        for (index, column, like) in &kept {
            let name = column.name.as_str();
            for text in [name, like.kind()] {
                put_length(text.len(), &mut bytes);
                bytes.extend_from_slice(text.as_bytes());
            }
            match &cells[*index] {
                Some(cells) => cells.write(&mut bytes),
                None => {
                    let mut cells = Cells::of(&column.kind)?;
                    cells.append_default(block.rows);
                    cells.write(&mut bytes);
                }
            }
        }
    }
    let columns = kept.into_iter().map(|(_, column, _)| column.name.as_str()).collect();
    Some(Encoded { columns, bytes })
}
