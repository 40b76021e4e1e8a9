//! Inserts of a batch: into the table of the mapping, or into those that its records choose.

use std::sync::Arc;

use danube_sink::{TargetFailure, config::Mapping, prelude::*};
use tokio::task::yield_now;

#[cfg(feature = "arrow")]
use super::arrow::Converter;
use super::{
    answer::{Hidden, is_denied, is_missing_table, is_of_table, is_other_type, makes_no_table, may_be_for_columns},
    column::Columns,
    opened::{Opened, Target},
    row::Made,
    schema::new_table,
    server::{Insert, Server},
    table::{Create, Format, Table, describe_statement},
};

/// How many tables are written at once, where records choose them.
const AT_ONCE: usize = 4;

/// Why records are rejected that choose a missing table.
const MISSING: &str = "does not exist, and cannot be created";

impl Server {
    /// Checks at start that rows can be inserted into a table. A missing table is created if the mapping has `create`. Tables that
    /// records choose are checked with their first record.
    ///
    /// # Errors
    /// The error of the failure's class, with the step that failed.
    pub(super) async fn prepare(&self, mapping: &Mapping<Table>, config: &ConnectorConfig) -> ConnectorResult<Opened> {
        let table = &mapping.own;
        let shown = table.shown_name();
        for (key, is_missing) in [
            ("async_insert", table.async_insert && !self.has_async_inserts),
            ("format = \"arrow_stream\"", table.format == Format::ArrowStream && !self.has_arrow),
        ] {
            if is_missing {
                let message = format!("the table {shown}: the server is too old for `{key}`");
                return Err(ConnectorError::configuration(message));
            }
        }
        let new_table =
            async |create: &Create| new_table(mapping, create.columns.as_ref(), config, self.is_old()).await;
        let Some(name) = table.constant_name() else {
            let new_table = match &table.create {
                Some(create) => Some(new_table(create).await?),
                None => None,
            };
            return Ok(Opened { new_table, ..Opened::new(table.max_open_tables) });
        };
        let opened = Opened::new(1);
        let target = Target { table, name: &name, opened: &opened, by_content: false };
        let described = match (self.describe(target).await, &table.create) {
            // A user without the privilege to create tables may write to an existing one.
            (Err(Failure { code: Some(60), .. }), Some(create)) => {
                let created = self.create(target, create, &new_table(create).await?).await;
                created.map_err(|failure| failure.context(format!("create the table {shown}")).at_start())?;
                self.describe(target).await
            }
            (described, _) => described,
        };
        let columns = described.map_err(|failure| failure.context(format!("describe the table {shown}")).at_start())?;
        let inserted = self.try_insert(target).await;
        inserted.map_err(|failure| failure.context(format!("insert into the table {shown}")).at_start())?;
        let misconfigured =
            |reason: String| TargetFailure::Misconfigured.at_start(format!("the table {shown}: {reason}"));
        let rows = self.rows(table, &columns, table.format);
        rows.hold_metadata().map_err(|reason| misconfigured(format!("metadata {reason}")))?;
        #[cfg(feature = "arrow")]
        if table.format == Format::ArrowStream {
            let stream = Converter::new(table, &columns).empty_stream().map_err(misconfigured)?;
            if table.has_room_for(stream.columns.iter().copied()) {
                let inserted = self.send(target, &stream.insert(Format::ArrowStream, &[], None), false).await;
                inserted.map_err(|failure| {
                    failure.context(format!("insert into the table {shown} as ArrowStream")).at_start()
                })?;
            }
        }
        Ok(opened)
    }

    /// Health check: inserts no rows into the table of a mapping, to check the table, columns, settings and privileges; for tables
    /// that records choose, checks that the server answers.
    pub(super) async fn is_writable(&self, table: &Table) -> Result<(), Failure> {
        let opened = Opened::new(1);
        match &table.constant_name() {
            Some(name) => self.try_insert(Target { table, name, opened: &opened, by_content: false }).await,
            None => self.query("SELECT 1", Hidden::default()).await.map(drop),
        }
    }

    /// Inserts a row for each record of a batch that a row can be made of, and ends the batch.
    ///
    /// # Errors
    /// A partial failure with the other records, or the error of the failure's class.
    pub(super) async fn write(self: &Arc<Self>, mut batch: Batch<'_, Table>, opened: &Opened) -> ConnectorResult<()> {
        let table = batch.own();
        if let Some(name) = &table.constant_name() {
            let inserted = self.insert(Target { table, name, opened, by_content: false }, batch.records()).await;
            return batch.finish(inserted);
        }
        let groups = batch.group_by_target(Table::name_for)?;
        // Most inserts are shorter by far, and all end by the deadline.
        let longest = self.hosts.client().timeout() / 3;
        batch
            .concurrently(AT_ONCE, longest, groups, |group| async move {
                let target = Target { table, name: &group.key, opened, by_content: true };
                let inserted = self.insert(target, group.batch.records()).await;
                group.batch.finish(inserted)
            })
            .await
    }

    async fn insert(self: &Arc<Self>, target: Target<'_>, records: &[SinkRecord]) -> ConnectorResult<()> {
        let Target { table, .. } = target;
        let known = target.known_columns();
        let (mut made, mut is_refused) = (None, false);
        let recent = known.as_ref().filter(|columns| columns.are_recent());
        if let Some(columns) = recent.filter(|columns| self.format_of(table, columns) == Format::Native) {
            let rows = self.made(table, columns, records);
            match self.send_unread(target, columns, &rows).await {
                Some(Ok(())) => {
                    target.opened.awaited.forget();
                    return Ok(());
                }
                Some(Err(failure)) if !may_be_for_columns(&failure) => return Err(failure.into()),
                sent => is_refused = sent.is_some_and(|sent| sent.is_err_and(|failure| is_other_type(&failure))),
            }
            made = Some(rows);
        }
        // A task of its own reads the columns while this one makes rows, for those that the table most likely still has.
        let (server, statement, hidden) =
            (Arc::clone(self), describe_statement(target.name, self.has_compact_output), target.hidden());
        let describing = tokio::spawn(async move { server.query(&statement, hidden).await });
        // The tasks that send the statement may wait for this thread.
        yield_now().await;
        let made = made.or_else(|| known.as_ref().map(|columns| self.made(table, columns, records)));
        let described =
            describing.await.map_err(|error| ConnectorError::fatal(format!("describe the table: {error}")))?;
        let described = match (described, &target.opened.new_table) {
            (Err(failure), None) if target.by_content && is_missing_table(&failure) => {
                return target.reject(records, MISSING);
            }
            (Err(failure), Some(columns)) if is_missing_table(&failure) => {
                match self.create_by_content(target, columns).await? {
                    Some(described) => described,
                    None => return target.reject(records, MISSING),
                }
            }
            (Err(failure), _) if target.by_content && is_denied(&failure) => {
                return target.reject(records, &cannot(&failure));
            }
            (described, _) => described?,
        };
        let (mut columns, mut rows) = match (known, made) {
            (Some(columns), Some(rows)) if columns.is_current(&described) => {
                if is_refused {
                    columns.refuse_blocks();
                }
                (columns, rows)
            }
            _ => {
                let columns = self.read(target, described)?;
                let rows = self.made(table, &columns, records);
                (columns, rows)
            }
        };
        match self.add_columns(target, &columns, records).await {
            Ok(false) => {}
            Err(failure) if target.by_content && is_denied(&failure) => {
                return target.reject(records, &cannot(&failure));
            }
            added => {
                added?;
                columns = self.describe(target).await?;
                rows = self.made(table, &columns, records);
            }
        }
        // Where unknown fields are ignored, the server would ignore these, too.
        if let Some(name) = table.named_columns().find(|name| columns.index(name).is_none()) {
            let lacks = format!("has no column {name} that can be written");
            return match target.by_content {
                true => target.reject(records, &lacks),
                false => {
                    Err(TargetFailure::NotReady.error(format!("the table {lacks}: add it, or correct the mapping")))
                }
            };
        }
        if !target.by_content {
            target.opened.awaited.check(&rows.unknown, records.len())?;
        }
        let Made { parts, records, mut rejected, .. } = rows;
        if !records.is_empty() {
            match self.send_rows(target, &columns, parts, &records).await {
                Err(failure) if self.is_at_fault(target, &columns, &failure).await => {
                    rejected.merge(target.rejected(&records, &cannot(&failure)));
                }
                sent => sent?,
            }
        }
        rejected.into_result()
    }

    /// Whether the table that records choose is the cause of a failure, and was not altered meanwhile.
    async fn is_at_fault(&self, target: Target<'_>, columns: &Columns, failure: &Failure) -> bool {
        target.by_content
            && is_of_table(failure)
            && self.read_description(target).await.is_ok_and(|described| columns.is_current(&described))
    }

    /// Inserts no rows. The statement always names the metadata columns, so that the server checks that they exist.
    async fn try_insert(&self, target: Target<'_>) -> Result<(), Failure> {
        // A request without a body would have no length.
        let (columns, rows) = (target.table.named_columns().collect(), "\n".into());
        let insert = Insert { format: Format::JsonEachRow, columns, rows, records: &[], known: None };
        self.send(target, &insert, false).await
    }

    async fn create(&self, target: Target<'_>, create: &Create, columns: &[(String, String)]) -> Result<(), Failure> {
        let statement = create.statement(target.name, self.cluster.as_deref(), columns);
        self.query(&statement, target.hidden()).await.map(drop)
    }

    /// Creates a table that a record has chosen, and describes it; `None` if its database is missing, or takes no tables of the user.
    async fn create_by_content(
        &self,
        target: Target<'_>,
        columns: &[(String, String)],
    ) -> Result<Option<String>, Failure> {
        let Some(create) = &target.table.create else { return Ok(None) };
        match self.create(target, create, columns).await {
            Err(failure) if makes_no_table(&failure) => Ok(None),
            created => {
                created?;
                self.read_description(target).await.map(Some)
            }
        }
    }

    async fn read_description(&self, target: Target<'_>) -> Result<String, Failure> {
        self.query(&describe_statement(target.name, self.has_compact_output), target.hidden()).await
    }

    /// Reads the columns of a table.
    pub(super) async fn describe(&self, target: Target<'_>) -> Result<Arc<Columns>, Failure> {
        let described = self.read_description(target).await?;
        self.read(target, described)
    }

    fn read(&self, target: Target<'_>, described: String) -> Result<Arc<Columns>, Failure> {
        let columns = Columns::read(described, target.table.setting("session_timezone").unwrap_or(&self.zone));
        let message = "the answer to DESCRIBE TABLE is not from ClickHouse; correct `url`";
        let columns = Arc::new(columns.ok_or_else(|| Failure::new(TargetFailure::NotReady, message))?);
        target.remember(&columns);
        Ok(columns)
    }
}

impl Target<'_> {
    pub(super) fn hidden(self) -> Hidden<'static> {
        Hidden { rows: None, table: self.by_content }
    }

    /// Rejects the records, which have chosen a table that cannot be written.
    fn reject(self, records: &[SinkRecord], why: &str) -> ConnectorResult<()> {
        self.rejected(records, why).into_result()
    }

    fn rejected(self, records: &[SinkRecord], why: &str) -> PartialFailure {
        let reason = format!("the table that it chooses by `{}` {why}", self.table.shown_name());
        PartialFailure::of_rejected(records, &reason)
    }
}

/// Why records are rejected whose table cannot be written.
fn cannot(failure: &Failure) -> String {
    format!("cannot be written: {}", failure.message)
}
