//! One table of the server, and the writing of records as its rows.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use danube_sink::{ConnectorError, ConnectorResult, PartialFailure, SinkRecord, schema::AwaitedColumn};
use futures_util::future::join;
use tokio::time::Instant;

use super::{
    copy,
    failure::{Failure, Shown},
    fields::NewField,
    layout::{Layout, Write},
    positions::Positions,
    redelivered::{UniqueIndex, unique_indexes, unless_equal, violated},
    rows::{Row, by_columns},
    schema::definition,
    session::Statement,
    shared::Shared,
    streamed,
    transaction::Transaction,
    unreadable::{is_about_values, of_extension, refused, unreadable},
};

/// How long a field is left out because the table had no column for it when its columns were read.
pub(crate) const LEAVES_OUT_FOR: Duration = Duration::from_secs(5);

/// A table that exists, as far as is known.
#[derive(Debug)]
pub(crate) struct OpenTable {
    shared: Arc<Shared>,
    name: String,
    positions: Option<Positions>,
    /// `None` after a failure: the table may have changed.
    layout: Mutex<Option<Arc<Layout>>>,
    awaited: AwaitedColumn,
}

impl OpenTable {
    pub(crate) fn new(shared: &Arc<Shared>, name: String) -> Self {
        let positions = shared.plan.positions.as_deref().map(Positions::in_table);
        Self {
            shared: Arc::clone(shared),
            name,
            positions,
            layout: Mutex::default(),
            awaited: AwaitedColumn::default(),
        }
    }

    /// Writes the valid records in one transaction, or none.
    ///
    /// # Errors
    /// [`ConnectorError::Partial`] with the invalid records, if the others are written; otherwise the server's error by its
    /// class.
    pub(crate) async fn write(&self, records: &[SinkRecord], deadline: Instant) -> ConnectorResult<()> {
        let Shared { plan, records: rules, .. } = &*self.shared;
        let what = format!("write {} records to table {}", records.len(), plan.table);
        let mut layout = self.layout(records, &what, deadline).await?;
        loop {
            if let Some(now) = self.extended(&layout, records, deadline).await? {
                layout = now;
            }
            let (mut invalid, mut new_fields) = (Vec::new(), Vec::new());
            let written = match streamed::write(&self.shared, &layout, records, deadline).await {
                Ok(true) => {
                    self.awaited.forget();
                    return Ok(());
                }
                Err(failure) if !is_about_values(&failure, &layout) => {
                    self.shared.judged(Err(failure), records, &what, Shown::Names)
                }
                // With all rows at hand it is found what each record is.
                _ => {
                    let mut converted = rules.convert(plan, &layout, records)?;
                    // Only the current layout of the table rejects a record, or leaves out a field for long.
                    let is_in_doubt = !converted.invalid.is_empty() || !converted.new_fields.is_empty();
                    if (is_in_doubt || converted.leaves_out && layout.read.elapsed() > LEAVES_OUT_FOR)
                        && let Some(now) = self.changed(&layout, records, &what, deadline).await?
                    {
                        layout = now;
                        continue;
                    }
                    (invalid, new_fields) = (converted.invalid, converted.new_fields);
                    self.wait_for_columns(&new_fields, records)?;
                    self.write_rows(&layout, records, &mut converted.rows, &what, deadline).await
                }
            };
            let failure = match written {
                Ok(()) => PartialFailure::default(),
                Err(
                    error @ (ConnectorError::Retryable { .. }
                    | ConnectorError::TooLarge { .. }
                    | ConnectorError::Fatal { .. }),
                ) => {
                    // The cause may be gone at the next attempt.
                    self.forget();
                    return Err(error);
                }
                Err(error) => match (self.changed(&layout, records, &what, deadline).await?, error) {
                    (Some(now), _) => {
                        layout = now;
                        continue;
                    }
                    (None, ConnectorError::Partial(failure)) => failure,
                    (None, error) => return Err(error),
                },
            };
            return with_invalid(failure, invalid, new_fields);
        }
    }

    /// Adds the columns of the records' registered schemas that the table lacks, if the plan says so. Returns the new layout.
    async fn extended(
        &self,
        layout: &Arc<Layout>,
        records: &[SinkRecord],
        deadline: Instant,
    ) -> ConnectorResult<Option<Arc<Layout>>> {
        let template = &self.shared.plan.table;
        let what = format!("add columns to table {template}");
        let Some(new) = new_columns(layout, records) else { return Ok(None) };
        // Another process may have added them.
        let now = self.changed(layout, records, &what, deadline).await?;
        let Some(new) = now.as_ref().map_or(Some(new), |now| new_columns(now, records)) else { return Ok(now) };
        let (table, statement) = (layout.name.to_string(), |table: &str| format!("ALTER TABLE {table} {new}"));
        // A name that a record chooses has values of it.
        let shown = if self.shared.is_by_content() { template.to_string() } else { table.clone() };
        let what = format!(
            "{what}, which only a member of its owner may (GRANT the owner to the role, or run `{}`)",
            statement(&shown)
        );
        // Others that read or write the table wait behind this statement while it waits.
        let statements = format!("SET LOCAL lock_timeout = '2s'; {}", statement(&table));
        let added = self.shared.session.define(&statements, Some(deadline)).await;
        self.shared.judged(added, records, &what, Shown::Message)?;
        self.forget();
        self.layout(records, &what, deadline).await.map(Some)
    }

    /// Checks types and privileges with `EXPLAIN`: no row is written, and no trigger fires.
    ///
    /// # Errors
    /// The server's error.
    pub(crate) async fn probe(&self) -> Result<(), Failure> {
        let deadline = self.shared.session.deadline_of_check();
        let layout = match self.known() {
            Some(layout) if layout.fields.is_none() => layout,
            // Columns that fields fill may come and go.
            _ => self.read_layout(deadline).await?,
        };
        // A table may get its first column from the registered schema.
        let mut writes: Vec<_> = (!layout.columns.is_empty()).then(|| layout.insert(&[])).into_iter().collect();
        if self.shared.plan.deletes() {
            writes.push(layout.delete(&[]));
        }
        let transaction = self.shared.session.begin(deadline).await?;
        let probes = async {
            if self.shared.plan.key.is_empty() && !layout.columns.is_empty() {
                // A redelivered record looks for its row, for which inserting takes no privilege.
                let indexes = unique_indexes(&transaction, &layout.name).await?;
                if let Some(read) = indexes.iter().find_map(|index| layout.read_written(&index.columns)) {
                    transaction.execute(Statement { text: &format!("EXPLAIN {read}"), parameters: &[] }).await?;
                }
            }
            for write in &mut writes {
                write.text = format!("EXPLAIN {}", write.text).into();
                transaction.execute(Statement { text: &write.text, parameters: &write.parameters() }).await?;
            }
            Ok(())
        };
        let probed = probes.await;
        transaction.end(probed).await
    }

    /// Whether the table does not exist.
    ///
    /// # Errors
    /// The server's error, or a table that the mapping cannot write.
    pub(crate) async fn is_missing(&self) -> Result<bool, Failure> {
        match self.read_layout(self.shared.session.deadline_of_check()).await {
            Err(failure) if failure.is_missing_table() => Ok(true),
            read => read.map(|_| false),
        }
    }

    /// Reads the columns of the table.
    ///
    /// # Errors
    /// The server's error, or a table that the mapping cannot write.
    pub(crate) async fn read_layout(&self, deadline: Instant) -> Result<Arc<Layout>, Failure> {
        let transaction = self.shared.session.begin(deadline).await?;
        let read = Layout::read(&transaction, &self.name, &self.shared.plan).await;
        let layout = Arc::new(transaction.end(read).await?);
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&layout));
        Ok(layout)
    }

    async fn write_rows(
        &self,
        layout: &Layout,
        records: &[SinkRecord],
        rows: &mut Vec<Row<'_>>,
        what: &str,
        deadline: Instant,
    ) -> ConnectorResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let Err(failure) = self.send(layout, rows, deadline).await else { return Ok(()) };
        if is_about_values(&failure, layout)
            && let Ok(reasons) = unreadable(&self.shared.session, layout, rows, deadline).await
            && !reasons.is_empty()
        {
            return Err(refused(records, &reasons, what));
        }
        self.shared.judged(Err(of_extension(failure, layout, rows)), records, what, Shown::Names)
    }

    /// Writes the rows; a second time if one violates a unique index and may be there already.
    async fn send(&self, layout: &Layout, rows: &mut Vec<Row<'_>>, deadline: Instant) -> Result<(), Failure> {
        let Err(failure) = self.transaction(layout, rows, None, deadline).await else { return Ok(()) };
        if self.shared.plan.key.is_empty()
            && let Some(answer) = failure.answer()
            && let Some(index) = violated(&self.shared.session, answer, deadline).await?
        {
            return self.transaction(layout, rows, Some(&index), deadline).await;
        }
        Err(failure)
    }

    async fn transaction(
        &self,
        layout: &Layout,
        rows: &mut Vec<Row<'_>>,
        violated: Option<&UniqueIndex>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let transaction = self.shared.session.begin(deadline).await?;
        let written = async {
            let positions = match &self.positions {
                Some(positions) => Some(positions.store(&transaction, &layout.name, rows).await?),
                None => None,
            };
            self.write_in(&transaction, layout, rows, violated).await?;
            Ok(positions)
        };
        let written = written.await;
        if let Some(positions) = transaction.end(written).await? {
            positions.committed();
        }
        Ok(())
    }

    async fn write_in(
        &self,
        transaction: &Transaction<'_>,
        layout: &Layout,
        rows: &[Row<'_>],
        violated: Option<&UniqueIndex>,
    ) -> Result<(), Failure> {
        // A row that is written after its deletion is a new row.
        let deletion = rows.iter().any(|row| row.deletes).then(|| layout.delete(rows));
        let copy_of = |indices: &[usize], count| match violated {
            Some(_) => None,
            None => layout.copy_of(indices, count),
        };
        if rows.iter().all(Row::is_complete) {
            let Some(copy) = layout.copy(rows.len()).filter(|_| violated.is_none()) else {
                let insert = skipping(layout.insert(rows), violated, layout);
                return execute_all(transaction, layout, deletion.into_iter().chain([insert]).collect()).await;
            };
            let parts = copy::parts(rows).map(|rows| Some(layout.chunks(rows)));
            return layout.copy_in(transaction, &copy, &layout.indices(), parts).await.map(drop);
        }
        let ranks = layout.ranks(transaction, rows).await?;
        let groups = by_columns(rows, &ranks, self.shared.plan.replace);
        let mut writes: Vec<_> = deletion.into_iter().collect();
        for (indices, rows) in &groups {
            if let Some(copy) = copy_of(indices, rows.len()) {
                let parts = [Some(layout.chunks_of(indices, rows))].into_iter();
                layout.copy_in(transaction, &copy, indices, parts).await?;
                continue;
            }
            let inserts = layout.insert_of(indices, rows).into_iter();
            writes.extend(inserts.map(|write| skipping(write, violated, layout)));
        }
        execute_all(transaction, layout, writes).await
    }

    /// A field that every record has is a change of the producer's, for which the table gets a column. A table that records choose
    /// would hold up the others.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if the batch [waits](AwaitedColumn) for a column.
    fn wait_for_columns(&self, new_fields: &[(&SinkRecord, NewField)], records: &[SinkRecord]) -> ConnectorResult<()> {
        if self.shared.is_by_content() {
            return Ok(());
        }
        let possible: Vec<_> = new_fields.iter().map(|(_, field)| field).filter(|field| field.is_possible).collect();
        let names: Vec<_> = possible.iter().map(|field| &field.name).collect();
        let reason = possible.first().map_or("", |field| &field.reason);
        Ok(self.awaited.check(&names, records.len()).map_err(|failure| failure.context(reason))?)
    }

    /// The layout as it was read last, or as it is now.
    async fn layout(&self, records: &[SinkRecord], what: &str, deadline: Instant) -> ConnectorResult<Arc<Layout>> {
        match self.known() {
            Some(layout) => Ok(layout),
            None => self.shared.judged(self.read_layout(deadline).await, records, what, Shown::Message),
        }
    }

    /// The layout as it is now, if it has changed.
    async fn changed(
        &self,
        layout: &Layout,
        records: &[SinkRecord],
        what: &str,
        deadline: Instant,
    ) -> ConnectorResult<Option<Arc<Layout>>> {
        self.forget();
        let now = self.layout(records, what, deadline).await?;
        Ok((!now.is_like(layout)).then_some(now))
    }

    fn known(&self) -> Option<Arc<Layout>> {
        self.layout.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget(&self) {
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Runs the last writes of a transaction, and checks that no column has another type than the one for which its values may have been
/// rounded. The check is sent behind the last write, which saves a round trip; the lock of that write keeps the columns as they are.
///
/// # Errors
/// The server's error, or [`Failure::Altered`].
pub(crate) async fn execute_all(
    transaction: &Transaction<'_>,
    layout: &Layout,
    mut writes: Vec<Write<'_>>,
) -> Result<(), Failure> {
    let Some(last) = writes.pop() else { return Ok(()) };
    for write in writes {
        execute(transaction, write).await?;
    }
    let (written, checked) = join(execute(transaction, last), layout.check_rounding(transaction)).await;
    written.and(checked)
}

pub(crate) async fn execute(transaction: &Transaction<'_>, write: Write<'_>) -> Result<(), Failure> {
    transaction.execute(Statement { text: &write.text, parameters: &write.parameters() }).await
}

/// The `INSERT` that skips rows which exist with equal values, if an index is violated.
fn skipping<'w>(mut write: Write<'w>, violated: Option<&UniqueIndex>, layout: &Layout) -> Write<'w> {
    if let Some(condition) = violated.and_then(|index| unless_equal(index, layout, &write.columns)) {
        write.text = format!("{} WHERE {condition}", write.text).into();
    }
    write
}

/// The clauses of `ALTER TABLE` for the columns that the table is to get; `None` without one.
fn new_columns(layout: &Layout, records: &[SinkRecord]) -> Option<String> {
    let fields = layout.fields.as_ref()?;
    let new = fields.on_new().columns_to_add(records, |name| fields.has(name));
    let clauses: Vec<_> = new.iter().map(|column| format!("ADD COLUMN IF NOT EXISTS {}", definition(column))).collect();
    (!clauses.is_empty()).then(|| clauses.join(", "))
}

/// The failure, in which these records are invalid.
fn with_invalid(
    mut failure: PartialFailure,
    invalid: Vec<(&SinkRecord, String)>,
    new_fields: Vec<(&SinkRecord, NewField)>,
) -> ConnectorResult<()> {
    for (record, reason) in invalid {
        failure.invalid(record, reason);
    }
    for (record, field) in new_fields {
        // If every record is rejected for the table, the table is the more likely cause.
        failure.reject(record, field.reason);
    }
    failure.into_result()
}
