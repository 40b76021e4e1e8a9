//! The rows of a batch in the format of the mapping, and as JSON where it does not carry them.

#[cfg(feature = "arrow")]
use arrow_array::RecordBatch;
use danube_sink::{TargetFailure, prelude::*};

#[cfg(feature = "arrow")]
use super::arrow::Converter;
use super::{
    answer::is_other_type,
    collector::Lines,
    column::Columns,
    native::{self, Block, BlockBuilder},
    opened::Target,
    row::{Made, Rows},
    schema::new_columns,
    server::{Insert, Server},
    table::{Format, Table},
};

/// Rows of a part of a batch.
pub(super) enum Part {
    Json(Vec<u8>),
    Native(Block),
    /// `None` for rows that Arrow cannot carry.
    #[cfg(feature = "arrow")]
    Arrow(Option<RecordBatch>),
}

impl Server {
    /// The format that the rows of a mapping have, unless it does not carry them.
    pub(super) fn format_of(&self, table: &Table, columns: &Columns) -> Format {
        // Inserts are written together if their statements are equal, and those of `Native` name the columns that its rows have.
        let is_text = !self.has_native || table.async_insert || table.changes_reading() || columns.refuses_blocks();
        if table.format == Format::Native && is_text { Format::JsonEachRow } else { table.format }
    }

    /// Rows of a table with these columns, in the format of the mapping; lines of JSON if `Native` does not carry one of the values.
    pub(super) fn made<'r>(&self, table: &Table, columns: &Columns, records: &'r [SinkRecord]) -> Made<'r, Part> {
        match self.format_of(table, columns) {
            Format::Native => {
                let blocks = self.rows(table, columns, Format::Native).of(records, |_| BlockBuilder::new(columns));
                if let Ok(made) = blocks {
                    return made.map(Part::Native);
                }
            }
            #[cfg(feature = "arrow")]
            Format::ArrowStream => {
                let converter = Converter::new(table, columns);
                let Ok(made) =
                    self.rows(table, columns, Format::ArrowStream).of(records, |records| converter.reader(records));
                return made.map(Part::Arrow);
            }
            _ => {}
        }
        self.lines(table, columns, records).map(Part::Json)
    }

    fn lines<'r>(&self, table: &Table, columns: &Columns, records: &'r [SinkRecord]) -> Made<'r, Vec<u8>> {
        let Ok(made) = self.rows(table, columns, Format::JsonEachRow).of(records, Lines::new);
        made
    }

    /// Sends rows that were made for columns that were read for an earlier batch. `None` if the server would not notice that these are
    /// no longer what the rows need.
    pub(super) async fn send_unread(
        &self,
        target: Target<'_>,
        columns: &Columns,
        made: &Made<'_, Part>,
    ) -> Option<Result<(), Failure>> {
        let Target { table, .. } = target;
        let lacks_one = table.named_columns().any(|name| columns.index(name).is_none());
        // The table may have a column for what has none, and one that takes what none takes.
        if !made.rejected.is_empty() || table.on_new_field == OnNewField::Ignore || lacks_one {
            return None;
        }
        if !new_columns(table, columns, &made.records).is_empty() {
            return None;
        }
        let blocks = made.parts.iter().map(|part| if let Part::Native(block) = part { Some(block) } else { None });
        self.send_blocks(target, columns, &blocks.collect::<Option<Vec<_>>>()?, &made.records, false).await
    }

    /// Sends the rows of the parts of a batch as one block; `None` if the format does not carry them.
    async fn send_blocks(
        &self,
        target: Target<'_>,
        columns: &Columns,
        parts: &[&Block],
        records: &[SinkRecord],
        is_current: bool,
    ) -> Option<Result<(), Failure>> {
        let encoded = native::encoded(target.table, columns, parts, is_current)?;
        Some(self.send(target, &encoded.insert(Format::Native, records, Some(columns)), false).await)
    }

    /// Sends the rows of records: as JSON if the format does not carry them.
    pub(super) async fn send_rows(
        &self,
        target: Target<'_>,
        columns: &Columns,
        parts: Vec<Part>,
        records: &[SinkRecord],
    ) -> Result<(), Failure> {
        let table = target.table;
        let (mut lines, mut blocks) = (Vec::new(), Vec::new());
        #[cfg(feature = "arrow")]
        let mut batches = Vec::new();
        for part in parts {
            match part {
                // Most batches are one part, which is not copied.
                Part::Json(part) if lines.is_empty() => lines = part,
                Part::Json(part) => lines.extend(part),
                Part::Native(block) => blocks.push(block),
                #[cfg(feature = "arrow")]
                Part::Arrow(batch) => batches.push(batch),
            }
        }
        let is_unconverted = lines.is_empty() || self.format_of(table, columns) != Format::JsonEachRow;
        // The same blocks would be refused again.
        if !blocks.is_empty() && !columns.refuses_blocks() {
            let of_parts: Vec<_> = blocks.iter().collect();
            match self.send_blocks(target, columns, &of_parts, records, true).await {
                Some(Err(failure)) if is_other_type(&failure) => columns.refuse_blocks(),
                Some(sent) => return sent,
                None => {}
            }
        }
        #[cfg(feature = "arrow")]
        if !batches.is_empty() {
            let batches: Option<Vec<_>> = batches.into_iter().collect();
            let stream = batches.and_then(|batches| Converter::new(table, columns).stream(&batches));
            if let Some(stream) = stream.filter(|stream| table.has_room_for(stream.columns.iter().copied())) {
                let insert = stream.insert(Format::ArrowStream, records, Some(columns));
                return self.send_and_judge(target, &insert).await;
            }
        }
        if lines.is_empty() {
            lines = self.lines(table, columns, records).parts.concat();
        }
        if is_unconverted {
            self.unconverted.add(1);
        }
        let named = if target.table.columns.is_some() { target.table.named_columns().collect() } else { Vec::new() };
        let (format, rows) = (Format::JsonEachRow, lines.into());
        self.send_and_judge(target, &Insert { format, columns: named, rows, records, known: Some(columns) }).await
    }

    async fn send_and_judge(&self, target: Target<'_>, insert: &Insert<'_>) -> Result<(), Failure> {
        let is_async = target.table.async_insert;
        match self.send(target, insert, is_async).await {
            // It may be for rows of another insert, which the server has written together with these.
            Err(Failure { class: TargetFailure::Refused | TargetFailure::TooLarge, .. }) if is_async => {
                self.send(target, insert, false).await
            }
            sent => sent,
        }
    }

    /// The conversion of records to rows of a table with these columns.
    pub(super) fn rows<'t>(&self, table: &'t Table, columns: &'t Columns, format: Format) -> Rows<'t> {
        Rows::new(table, columns, table.rules(self.days, format))
    }
}
