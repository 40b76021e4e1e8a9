//! A table, and how records become rows of it.

use std::sync::{Arc, Mutex, PoisonError};

use danube_sink::{ConnectorError, ConnectorResult, Field, Fields, SinkRecord, each_record};

use super::{
    changes::{Changes, Envelopes},
    failure::{Failure, at_start, sorted},
    layout::{Layout, Write},
    name::{TableName, check},
    redelivered::unless_there,
    rows::{Row, by_columns},
    session::{Session, Statement},
    unreadable::{is_about_values, refused, unreadable},
};

/// What a table is to be.
#[derive(Debug)]
pub struct Plan {
    /// The table, as [`quoted_table`](crate::quoted_table) takes it.
    pub table: String,
    /// A statement that makes what is missing.
    pub create: Option<String>,
    /// The columns that are written, and from where.
    pub columns: Vec<(String, Field)>,
    /// Those of them that name a row. Without them, a row that is there already is an error.
    pub key: Vec<String>,
    /// Whether a record takes the place of the row with its key, or changes nothing.
    pub replace: bool,
    /// How records describe changes, which needs the right to delete; without it, each record is a row.
    pub changes: Option<Changes>,
}

/// A table that is there and can be written to.
#[derive(Debug)]
pub struct Table {
    session: Arc<Session>,
    plan: Plan,
    records: Records,
    /// `None` after a failure: the table may be another one by now.
    layout: Mutex<Option<Arc<Layout>>>,
}

/// How records become rows.
#[derive(Debug)]
enum Records {
    AreRows(Fields),
    AreChanges(Box<Envelopes>),
}

impl Table {
    /// Makes what is missing, learns the columns' types from the server, and tries the rights to write without a record.
    pub(crate) async fn open(session: &Arc<Session>, mut plan: Plan) -> ConnectorResult<Self> {
        check_names(&plan)?;
        let fields: Vec<_> = plan.columns.iter().map(|(_, field)| field.clone()).collect();
        let is_key = |(place, (name, _)): (usize, &(String, Field))| plan.key.contains(name).then_some(place);
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
            table.probe(&*table.learn().await?).await
        };
        match opened.await {
            Ok(()) => Ok(table),
            Err(failure) => Err(at_start(&failure, &table.at_start())),
        }
    }

    /// Writes all of the records, or nothing. Without records it tries whether the table can be written to.
    ///
    /// A column for whose field a record has no value is left as it is, or gets its default; `null` is NULL.
    ///
    /// # Errors
    /// Every record that is not valid, else what the server says.
    pub async fn write(&self, records: &[SinkRecord]) -> ConnectorResult<()> {
        self.write_valid(records, |_| Ok(())).await
    }

    /// The same for records of which `check` says whether they are valid, beside what the columns take.
    ///
    /// # Errors
    /// Every record that is not valid, else what the server says.
    pub async fn write_valid(
        &self,
        records: &[SinkRecord],
        check: impl Fn(&SinkRecord) -> ConnectorResult<()> + Sync,
    ) -> ConnectorResult<()> {
        let what = format!("write {} records to table {}", records.len(), self.plan.table);
        let mut layout = self.layout(&what).await?;
        if records.is_empty() {
            return self.sorted(self.probe(&layout).await, &what, false);
        }
        loop {
            let written = self.write_as(&layout, records, &check, &what).await;
            match &written {
                Ok(()) => return Ok(()),
                // What is in the table's way may be gone when it is tried again.
                Err(
                    ConnectorError::Retryable { .. } | ConnectorError::TooLarge { .. } | ConnectorError::Fatal { .. },
                ) => {
                    self.forget();
                    return written;
                }
                // Only the table as it is now rejects a record.
                Err(_) => {
                    self.forget();
                    let now = self.layout(&what).await?;
                    if now.is_like(&layout) {
                        return written;
                    }
                    layout = now;
                }
            }
        }
    }

    async fn write_as(
        &self,
        layout: &Layout,
        records: &[SinkRecord],
        check: &(impl Fn(&SinkRecord) -> ConnectorResult<()> + Sync),
        what: &str,
    ) -> ConnectorResult<()> {
        let rows = each_record(records, |record| {
            check(record)?;
            match &self.records {
                Records::AreRows(fields) => Ok(vec![layout.row(record, fields.json_of(record)?, false)?]),
                Records::AreChanges(envelopes) => {
                    let changes = envelopes.of(record)?.into_iter();
                    changes.map(|(values, deletes)| layout.row(record, values, deletes)).collect()
                }
            }
        })?;
        let rows: Vec<_> = rows.into_iter().flatten().collect();
        if rows.is_empty() {
            return Ok(());
        }
        let Err(failure) = self.send(layout, &rows).await else { return Ok(()) };
        if failure.answer().is_some_and(is_about_values)
            && let Ok(reasons) = unreadable(&self.session, layout, &rows).await
            && !reasons.is_empty()
        {
            return Err(refused(records, &reasons, what));
        }
        self.sorted(Err(failure), what, true)
    }

    async fn send(&self, layout: &Layout, rows: &[Row<'_>]) -> Result<(), Failure> {
        let sets = match rows.iter().all(Row::is_complete) {
            true => None,
            false => Some(by_columns(rows, &layout.ranks(&self.session, rows).await?, self.plan.replace)),
        };
        let mut writes = Vec::with_capacity(2);
        // What is written after it was deleted is a new row.
        if rows.iter().any(|row| row.deletes) {
            writes.push(layout.delete(rows));
        }
        match &sets {
            None => writes.push(layout.insert(rows)),
            Some(sets) => writes.extend(sets.iter().flat_map(|(places, rows)| layout.insert_of(places, rows))),
        }
        let mut written = self.transaction(&writes).await;
        if let Err(failure) = &written
            && let Some(answer) = failure.answer()
            && self.plan.key.is_empty()
        {
            for write in &mut writes {
                match unless_there(&self.session, answer, layout, &write.columns).await? {
                    Some(unless) => write.text = format!("{} {unless}", write.text).into(),
                    None => return written,
                }
            }
            written = self.transaction(&writes).await;
        }
        written
    }

    /// Tries types and rights, without a row and without triggers.
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

    fn sorted<T>(&self, result: Result<T, Failure>, what: &str, has_records: bool) -> ConnectorResult<T> {
        let is_mapped = |column: &str| self.plan.columns.iter().any(|(name, _)| name == column);
        sorted(result, what, is_mapped, has_records)
    }

    /// The layout as it was learnt last, or now.
    async fn layout(&self, what: &str) -> ConnectorResult<Arc<Layout>> {
        let known = self.layout.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(layout) => Ok(layout),
            None => self.sorted(self.learn().await, what, false),
        }
    }

    fn forget(&self) {
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn learn(&self) -> Result<Arc<Layout>, Failure> {
        let layout = Arc::new(Layout::learn(&self.session, &self.plan).await?);
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&layout));
        Ok(layout)
    }
}

/// Names that PostgreSQL keeps apart and whole.
fn check_names(Plan { table, columns, key, .. }: &Plan) -> ConnectorResult<()> {
    TableName::parse(table)?;
    for (number, (name, _)) in columns.iter().enumerate() {
        check(name)?;
        if columns[..number].iter().any(|(earlier, _)| earlier == name) {
            return Err(ConnectorError::configuration(format!(
                "two values of table {table} go into its column {name:?}: name it once, in `columns` or in `metadata`"
            )));
        }
    }
    match key.iter().find(|key| !columns.iter().any(|(name, _)| name == *key)) {
        None => Ok(()),
        Some(stranger) => {
            Err(ConnectorError::configuration(format!("the key {stranger} of table {table} is none of its columns")))
        }
    }
}
