//! The table of a mapping, or the tables that its records choose.

use std::{sync::Arc, time::Duration};

use danube_sink::{Batch, ConnectorError, ConnectorResult, Group, Recent, SinkRecord, schema::TableSchema};
use tokio::time::Instant;

use super::{
    failure::{Failure, Shown, at_start, classified},
    name::TableName,
    open_table::OpenTable,
    plan::Plan,
    positions::Positions,
    records::Records,
    session::{Session, Statement},
    shared::Shared,
};

/// A table that exists and can be written to, or the tables that records choose by their content.
#[derive(Debug)]
pub struct Table {
    shared: Arc<Shared>,
    target: Target,
}

#[derive(Debug)]
enum Target {
    One(OpenTable),
    ByContent(Recent<OpenTable>),
}

impl Table {
    /// Creates what is missing, reads the column types from the server, and checks the privileges without writing a row.
    pub(crate) async fn open(
        session: &Arc<Session>,
        plan: Plan,
        schema: impl AsyncFnOnce() -> ConnectorResult<Arc<TableSchema>>,
    ) -> ConnectorResult<Self> {
        plan.validate()?;
        let records = Records::of(&plan);
        let shared = Arc::new(Shared { session: Arc::clone(session), plan, records });
        let what = format!("prepare PostgreSQL at {}, table {}", session.server(), shared.plan.table);
        let failed = |failure: Failure| at_start(&failure, &what);
        let table = Self::of(shared);
        table.prepare_positions().await.map_err(failed)?;
        if let Target::One(one) = &table.target {
            let is_missing = one.is_missing().await.map_err(failed)?;
            if let Some(statements) = table.shared.plan.creation_at_start(is_missing, schema).await? {
                session.define(&statements, None).await.map_err(failed)?;
            }
        }
        table.probe().await.map_err(failed)?;
        Ok(table)
    }

    fn of(shared: Arc<Shared>) -> Self {
        let target = match shared.plan.table.constant() {
            Some(name) => Target::One(OpenTable::new(&shared, name)),
            None => Target::ByContent(Recent::new(shared.plan.max_open_tables)),
        };
        Self { shared, target }
    }

    async fn prepare_positions(&self) -> Result<(), Failure> {
        match &self.shared.plan.positions {
            Some(positions) => Positions::prepare(&self.shared.session, positions).await,
            None => Ok(()),
        }
    }

    /// Writes a batch, and ends it: in one transaction, or one for each table that its records choose. A record that is invalid
    /// is rejected by itself.
    ///
    /// A column whose field is missing in a record keeps its value, or gets its default in a new row; `null` is NULL.
    ///
    /// # Errors
    /// [`ConnectorError::Partial`] with the invalid records, if the others are written; otherwise the server's error by its
    /// class.
    pub async fn write<T: Sync>(&self, mut batch: Batch<'_, T>) -> ConnectorResult<()> {
        let deadline = batch.deadline().into();
        let tables = match &self.target {
            Target::One(table) => {
                let written = table.write(batch.records(), deadline).await;
                return batch.finish(written);
            }
            Target::ByContent(tables) => tables,
        };
        let groups = batch.group_by_target(|_, record| self.name_for(record))?;
        // One connection writes one table at a time.
        let write = async |Group { key: name, batch }: Group<'_, T, String>| {
            let written = self.write_to(tables, &name, batch.records(), deadline).await;
            if written.is_err() {
                // The table may have been dropped.
                tables.remove(&name);
            }
            batch.finish(written)
        };
        batch.concurrently(1, Duration::ZERO, groups, write).await
    }

    /// Checks that the table can be written to, without writing a row; for tables by content, that the server answers.
    ///
    /// # Errors
    /// The server's error by its class.
    pub async fn check(&self) -> ConnectorResult<()> {
        let what = format!("check table {}", self.shared.plan.table);
        classified(self.probe().await, &what, Shown::Message)
    }

    async fn probe(&self) -> Result<(), Failure> {
        let session = &self.shared.session;
        match &self.target {
            Target::One(table) => table.probe().await,
            Target::ByContent(_) => {
                let query = Statement { text: "SELECT", parameters: &[] };
                session.rows(query, session.deadline_of_check()).await.map(drop)
            }
        }
    }

    /// The name of the table that a record chooses.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if it chooses none, or one that cannot exist.
    fn name_for(&self, record: &SinkRecord) -> ConnectorResult<String> {
        let template = &self.shared.plan.table;
        // A dot would be that of a schema.
        let is_in_one_part = |value: String| (!value.contains(['.', '"'])).then_some(value);
        let invalid = || {
            let reason = format!(
                "its values for `{template}` make no table name: one has 1 to 63 bytes, and no dot or quotation mark in a value"
            );
            ConnectorError::invalid_record(record, reason)
        };
        match template.fill(record, is_in_one_part) {
            Ok(name) if TableName::parse(&name).is_ok() => Ok(name),
            Err(error) if template.fill(record, Some).is_err() => Err(error),
            _ => Err(invalid()),
        }
    }

    async fn write_to(
        &self,
        tables: &Recent<OpenTable>,
        name: &str,
        records: &[SinkRecord],
        deadline: Instant,
    ) -> ConnectorResult<()> {
        let what = format!("open a table {}", self.shared.plan.table);
        match self.table(tables, name, records, deadline).await {
            Ok(table) => table.write(records, deadline).await,
            Err(failure) if failure.is_missing_table() => {
                Err(self.shared.rejects(records, "it does not exist, and cannot be created"))
            }
            Err(failure) => self.shared.judged(Err(failure), records, &what, Shown::Condition),
        }
    }

    /// The table with this name, which is created if it is missing and the plan says how.
    async fn table(
        &self,
        tables: &Recent<OpenTable>,
        name: &str,
        records: &[SinkRecord],
        deadline: Instant,
    ) -> Result<Arc<OpenTable>, Failure> {
        let Shared { session, plan, .. } = &*self.shared;
        if let Some(table) = tables.get(name) {
            return Ok(table);
        }
        let table = OpenTable::new(&self.shared, name.to_owned());
        if let Err(missing) = table.read_layout(deadline).await {
            let statements = match missing.is_missing_table() {
                true => plan.creation_for(name, records).map_err(Failure::Table)?,
                false => None,
            };
            let Some(statements) = statements else { return Err(missing) };
            session.define(&statements, Some(deadline)).await?;
        }
        let table = Arc::new(table);
        tables.insert(name, Arc::clone(&table));
        Ok(table)
    }
}
