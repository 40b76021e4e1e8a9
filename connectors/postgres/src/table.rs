//! A table, and the writing of records as its rows.

use std::sync::{Arc, Mutex, PoisonError};

use danube_sink::{ConnectorError, ConnectorResult, Field, Fields, PartialFailure, SinkRecord, in_parts};

use super::{
    changes::Envelopes,
    failure::{Failure, at_start, classified},
    layout::{Layout, Write},
    plan::Plan,
    redelivered::unless_equal,
    rows::{Row, by_columns},
    session::{Session, Statement},
    unreadable::{is_about_values, refused, unreadable},
};

/// A table that exists and can be written to.
#[derive(Debug)]
pub struct Table {
    session: Arc<Session>,
    plan: Plan,
    records: Records,
    /// `None` after a failure: the table may have changed.
    layout: Mutex<Option<Arc<Layout>>>,
}

/// How records become rows.
#[derive(Debug)]
enum Records {
    AreRows(Fields),
    AreChanges(Box<Envelopes>),
}

/// Rows of records, and the records that cannot become rows.
#[derive(Default)]
struct Converted<'r> {
    rows: Vec<Row<'r>>,
    /// With the reason.
    invalid: Vec<(&'r SinkRecord, String)>,
}

impl Table {
    /// Creates what is missing, reads the column types from the server, and checks the privileges without writing a row.
    pub(crate) async fn open(session: &Arc<Session>, mut plan: Plan) -> ConnectorResult<Self> {
        plan.validate()?;
        let fields: Vec<_> = plan.columns.iter().map(|(_, field)| field.clone()).collect();
        let is_key = |(index, (name, _)): (usize, &(String, Field))| plan.key.contains(name).then_some(index);
        let keys = plan.columns.iter().enumerate().filter_map(is_key).collect();
        let records = match &plan.changes {
            None => Records::AreRows(fields.into_iter().collect()),
            Some(changes) => Records::AreChanges(Box::new(Envelopes::new(changes.clone(), &fields, keys))),
        };
        let create = plan.create.take();
        let table = Self { session: Arc::clone(session), plan, records, layout: Mutex::default() };
        let opened = async {
            if let Some(create) = create {
                table.session.define(&create).await?;
            }
            table.probe(&*table.read_layout().await?).await
        };
        match opened.await {
            Ok(()) => Ok(table),
            Err(failure) => Err(at_start(&failure, &table.at_start())),
        }
    }

    /// Writes the valid records in one transaction, or none. Without records, it checks that the table can be written to.
    ///
    /// A column whose field is missing in a record keeps its value, or gets its default in a new row; `null` is NULL.
    ///
    /// # Errors
    /// [`ConnectorError::Partial`] with the invalid records, if the others are written; otherwise the server's error by its
    /// class.
    pub async fn write(&self, records: &[SinkRecord]) -> ConnectorResult<()> {
        let what = format!("write {} records to table {}", records.len(), self.plan.table);
        let mut layout = self.layout(&what).await?;
        if records.is_empty() {
            return self.classified(self.probe(&layout).await, &what, false);
        }
        loop {
            let Converted { rows, invalid } = self.convert(&layout, records)?;
            // Only the current layout of the table rejects a record.
            if !invalid.is_empty()
                && let Some(now) = self.changed(&layout, &what).await?
            {
                layout = now;
                continue;
            }
            let failure = match self.write_rows(&layout, records, &rows, &what).await {
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
                Err(error) => match (self.changed(&layout, &what).await?, error) {
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

    /// The rows of the valid records, and the other records.
    fn convert<'r>(&self, layout: &Layout, records: &'r [SinkRecord]) -> ConnectorResult<Converted<'r>> {
        let parts = in_parts(records, |part| {
            let mut converted = Converted { rows: Vec::with_capacity(part.len()), invalid: Vec::new() };
            for record in part {
                match self.rows_of(layout, record) {
                    Ok(rows) => converted.rows.extend(rows),
                    Err(ConnectorError::InvalidRecord { reason, .. }) => converted.invalid.push((record, reason)),
                    Err(error) => return Err(error),
                }
            }
            Ok(converted)
        });
        let mut all = Converted::default();
        for part in parts {
            let part = part?;
            all.rows.extend(part.rows);
            all.invalid.extend(part.invalid);
        }
        Ok(all)
    }

    fn rows_of<'r>(&self, layout: &Layout, record: &'r SinkRecord) -> ConnectorResult<Vec<Row<'r>>> {
        match &self.records {
            Records::AreRows(fields) => Ok(vec![layout.row(record, fields.json_of(record)?, false)?]),
            Records::AreChanges(envelopes) => {
                let changes = envelopes.of(record)?.into_iter();
                changes.map(|(values, deletes)| layout.row(record, values, deletes)).collect()
            }
        }
    }

    async fn write_rows(
        &self,
        layout: &Layout,
        records: &[SinkRecord],
        rows: &[Row<'_>],
        what: &str,
    ) -> ConnectorResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let Err(failure) = self.send(layout, rows).await else { return Ok(()) };
        if failure.answer().is_some_and(is_about_values)
            && let Ok(reasons) = unreadable(&self.session, layout, rows).await
            && !reasons.is_empty()
        {
            return Err(refused(records, &reasons, what));
        }
        self.classified(Err(failure), what, true)
    }

    async fn send(&self, layout: &Layout, rows: &[Row<'_>]) -> Result<(), Failure> {
        let sets = match rows.iter().all(Row::is_complete) {
            true => None,
            false => Some(by_columns(rows, &layout.ranks(&self.session, rows).await?, self.plan.replace)),
        };
        let mut writes = Vec::with_capacity(2);
        // A row that is written after its deletion is a new row.
        if rows.iter().any(|row| row.deletes) {
            writes.push(layout.delete(rows));
        }
        match &sets {
            None => writes.push(layout.insert(rows)),
            Some(sets) => writes.extend(sets.iter().flat_map(|(indices, rows)| layout.insert_of(indices, rows))),
        }
        let mut written = self.transaction(&writes).await;
        if let Err(failure) = &written
            && let Some(answer) = failure.answer()
            && self.plan.key.is_empty()
        {
            for write in &mut writes {
                match unless_equal(&self.session, answer, layout, &write.columns).await? {
                    Some(condition) => write.text = format!("{} {condition}", write.text).into(),
                    None => return written,
                }
            }
            written = self.transaction(&writes).await;
        }
        written
    }

    /// Checks types and privileges with `EXPLAIN`: no row is written, and no trigger fires.
    async fn probe(&self, layout: &Layout) -> Result<(), Failure> {
        let mut writes = vec![layout.insert(&[])];
        if self.plan.changes.is_some() {
            writes.push(layout.delete(&[]));
        }
        for write in &mut writes {
            write.text = format!("EXPLAIN {}", write.text).into();
        }
        self.transaction(&writes).await
    }

    async fn transaction(&self, writes: &[Write<'_>]) -> Result<(), Failure> {
        let parameters: Vec<_> = writes.iter().map(Write::parameters).collect();
        let statements: Vec<_> = writes
            .iter()
            .zip(&parameters)
            .map(|(write, parameters)| Statement { text: &write.text, parameters })
            .collect();
        self.session.transaction(&statements).await
    }

    fn at_start(&self) -> String {
        format!("prepare PostgreSQL at {}, table {}", self.session.server(), self.plan.table)
    }

    fn classified<T>(&self, result: Result<T, Failure>, what: &str, has_records: bool) -> ConnectorResult<T> {
        let is_mapped = |column: &str| self.plan.columns.iter().any(|(name, _)| name == column);
        classified(result, what, is_mapped, has_records)
    }

    /// The layout as it was read last, or as it is now.
    async fn layout(&self, what: &str) -> ConnectorResult<Arc<Layout>> {
        let known = self.layout.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(layout) => Ok(layout),
            None => self.classified(self.read_layout().await, what, false),
        }
    }

    /// The layout as it is now, if it has changed.
    async fn changed(&self, layout: &Layout, what: &str) -> ConnectorResult<Option<Arc<Layout>>> {
        self.forget();
        let now = self.layout(what).await?;
        Ok((!now.is_like(layout)).then_some(now))
    }

    fn forget(&self) {
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn read_layout(&self) -> Result<Arc<Layout>, Failure> {
        let layout = Arc::new(Layout::read(&self.session, &self.plan).await?);
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&layout));
        Ok(layout)
    }
}

/// The failure, in which these records are invalid.
fn with_invalid(mut failure: PartialFailure, invalid: Vec<(&SinkRecord, String)>) -> ConnectorResult<()> {
    for (record, reason) in invalid {
        failure.invalid(record, reason);
    }
    failure.into_result()
}
