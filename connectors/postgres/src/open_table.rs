//! One table of the server, and the writing of records as its rows.

use std::sync::{Arc, Mutex, PoisonError};

use danube_sink::{ConnectorError, ConnectorResult, PartialFailure, SinkRecord};
use tokio::time::Instant;

use super::{
    copy,
    failure::{Failure, Shown, classified},
    layout::{Layout, Write},
    plan::Plan,
    positions::Positions,
    records::{Converted, Records},
    redelivered::{unless_equal, violated},
    rows::{Row, by_columns},
    session::{Session, Statement},
    transaction::Transaction,
    unreadable::{is_about_values, refused, unreadable},
};

/// A table that exists, as far as is known.
#[derive(Debug)]
pub(crate) struct OpenTable {
    shared: Arc<Shared>,
    name: String,
    positions: Option<Positions>,
    /// `None` after a failure: the table may have changed.
    layout: Mutex<Option<Arc<Layout>>>,
}

/// What the tables of a mapping share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) session: Arc<Session>,
    pub(crate) plan: Plan,
    pub(crate) records: Records,
}

impl Shared {
    /// Whether each record chooses its table: then messages show no table's name, since it has values of the record.
    pub(crate) fn is_by_content(&self) -> bool {
        self.plan.table.constant().is_none()
    }

    pub(crate) fn classified<T>(&self, result: Result<T, Failure>, what: &str, shown: Shown) -> ConnectorResult<T> {
        let is_mapped = |column: &str| self.plan.columns.iter().any(|(name, _)| name == column);
        let shown = if self.is_by_content() { Shown::Condition } else { shown };
        classified(result, what, is_mapped, shown)
    }
}

impl OpenTable {
    pub(crate) fn new(shared: &Arc<Shared>, name: String) -> Self {
        let positions = shared.plan.positions.as_deref().map(Positions::in_table);
        Self { shared: Arc::clone(shared), name, positions, layout: Mutex::default() }
    }

    /// Writes the valid records in one transaction, or none.
    ///
    /// # Errors
    /// [`ConnectorError::Partial`] with the invalid records, if the others are written; otherwise the server's error by its
    /// class.
    pub(crate) async fn write(&self, records: &[SinkRecord], deadline: Instant) -> ConnectorResult<()> {
        let Shared { plan, records: rules, .. } = &*self.shared;
        let what = format!("write {} records to table {}", records.len(), plan.table);
        let mut layout = self.layout(&what, deadline).await?;
        loop {
            let Converted { mut rows, invalid } = rules.convert(plan, &layout, records)?;
            // Only the current layout of the table rejects a record.
            if !invalid.is_empty()
                && let Some(now) = self.changed(&layout, &what, deadline).await?
            {
                layout = now;
                continue;
            }
            let failure = match self.write_rows(&layout, records, &mut rows, &what, deadline).await {
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
                Err(error) => match (self.changed(&layout, &what, deadline).await?, error) {
                    (Some(now), _) => {
                        layout = now;
                        continue;
                    }
                    (None, ConnectorError::Partial(failure)) => failure,
                    (None, error) => return Err(error),
                },
            };
            return with_invalid(failure, invalid);
        }
    }

    /// Checks types and privileges with `EXPLAIN`: no row is written, and no trigger fires.
    ///
    /// # Errors
    /// The server's error.
    pub(crate) async fn probe(&self) -> Result<(), Failure> {
        let deadline = self.shared.session.deadline_of_check();
        let layout = match self.known() {
            Some(layout) => layout,
            None => self.read_layout(deadline).await?,
        };
        let mut writes = vec![layout.insert(&[])];
        if self.shared.plan.deletes() {
            writes.push(layout.delete(&[]));
        }
        let transaction = self.shared.session.begin(deadline).await?;
        let probes = async {
            for write in &mut writes {
                write.text = format!("EXPLAIN {}", write.text).into();
                transaction.execute(Statement { text: &write.text, parameters: &write.parameters() }).await?;
            }
            Ok(())
        };
        let probed = probes.await;
        transaction.end(probed).await
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
        if failure.answer().is_some_and(is_about_values)
            && let Ok(reasons) = unreadable(&self.shared.session, layout, rows, deadline).await
            && !reasons.is_empty()
        {
            return Err(refused(records, &reasons, what));
        }
        self.shared.classified(Err(failure), what, Shown::Names)
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
        violated: Option<&[String]>,
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
        violated: Option<&[String]>,
    ) -> Result<(), Failure> {
        // A row that is written after its deletion is a new row.
        if rows.iter().any(|row| row.deletes) {
            execute(transaction, layout.delete(rows)).await?;
        }
        let copy_of = |indices: &[usize], count| match violated {
            Some(_) => None,
            None => layout.copy_of(indices, count),
        };
        if rows.iter().all(Row::is_complete) {
            let all: Vec<_> = (0..layout.columns.len()).collect();
            let Some(copy) = copy_of(&all, rows.len()) else {
                return execute(transaction, skipping(layout.insert(rows), violated, layout)).await;
            };
            let data = rows.iter().map(|row| row.data.iter().map(Option::as_ref));
            return transaction.copy(&copy, copy::chunks(data)).await;
        }
        let ranks = layout.ranks(transaction, rows).await?;
        for (indices, rows) in by_columns(rows, &ranks, self.shared.plan.replace) {
            if let Some(copy) = copy_of(&indices, rows.len()) {
                let data = rows.iter().map(|row| indices.iter().map(|index| row[*index]));
                transaction.copy(&copy, copy::chunks(data)).await?;
                continue;
            }
            for write in layout.insert_of(&indices, &rows) {
                execute(transaction, skipping(write, violated, layout)).await?;
            }
        }
        Ok(())
    }

    /// The layout as it was read last, or as it is now.
    async fn layout(&self, what: &str, deadline: Instant) -> ConnectorResult<Arc<Layout>> {
        match self.known() {
            Some(layout) => Ok(layout),
            None => self.shared.classified(self.read_layout(deadline).await, what, Shown::Message),
        }
    }

    /// The layout as it is now, if it has changed.
    async fn changed(&self, layout: &Layout, what: &str, deadline: Instant) -> ConnectorResult<Option<Arc<Layout>>> {
        self.forget();
        let now = self.layout(what, deadline).await?;
        Ok((!now.is_like(layout)).then_some(now))
    }

    fn known(&self) -> Option<Arc<Layout>> {
        self.layout.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget(&self) {
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

async fn execute(transaction: &Transaction<'_>, write: Write<'_>) -> Result<(), Failure> {
    transaction.execute(Statement { text: &write.text, parameters: &write.parameters() }).await
}

/// The `INSERT` that skips rows which exist with equal values, if an index was violated.
fn skipping<'w>(mut write: Write<'w>, violated: Option<&[String]>, layout: &Layout) -> Write<'w> {
    if let Some(condition) = violated.and_then(|index| unless_equal(index, layout, &write.columns)) {
        write.text = format!("{} {condition}", write.text).into();
    }
    write
}

/// The failure, in which these records are invalid.
fn with_invalid(mut failure: PartialFailure, invalid: Vec<(&SinkRecord, String)>) -> ConnectorResult<()> {
    for (record, reason) in invalid {
        failure.invalid(record, reason);
    }
    failure.into_result()
}
