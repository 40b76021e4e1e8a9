//! One Delta table: made or opened, and appended to.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use danube_sink::prelude::*;
use deltalake::{
    DeltaResult, DeltaTable, DeltaTableBuilder, DeltaTableError,
    arrow::compute::filter_record_batch,
    ensure_table_uri,
    kernel::{Transaction, transaction::CommitProperties},
    operations::create::CreateBuilder,
    writer::{DeltaWriter, RecordBatchWriter},
};

use super::{
    Target, columns,
    failure::Sorted,
    progress::{Mark, Place},
};

/// How long the log remembers a producer that sends nothing any more.
const PRODUCERS_ARE_REMEMBERED: &str = "interval 30 days";

/// A table that was there when it was looked for.
pub(crate) struct Table {
    url: Url,
    options: HashMap<String, String>,
    /// As of the last commit; `None` when that is in doubt.
    state: Option<DeltaTable>,
    /// What the log says of producers.
    versions: HashMap<String, Option<i64>>,
}

impl Table {
    /// The table of a mapping, made if it is not there; `None` if nobody knows its columns.
    pub(crate) async fn open(
        target: &Target,
        options: HashMap<String, String>,
        records: &[SinkRecord],
    ) -> ConnectorResult<Option<Self>> {
        let what = format!("open the table {}", target.table);
        let url = ensure_table_uri(&target.table).sorted(&what)?;
        let mut table = Self { url, options, state: None, versions: HashMap::new() };
        let place = table.place().sorted(&what)?;
        if !place.verify_deltatable_existence().await.sorted(&what)? {
            let columns = columns::of_new_table(target, records)?;
            if columns.is_empty() {
                return Ok(None);
            }
            let made = CreateBuilder::new()
                .with_log_store(place.log_store())
                .with_columns(columns)
                .with_partition_columns(&target.partition_by)
                .with_configuration([
                    ("delta.checkpointInterval", Some(target.checkpoint_interval.to_string())),
                    ("delta.setTransactionRetentionDuration", Some(PRODUCERS_ARE_REMEMBERED.to_owned())),
                ])
                .await;
            // Another one may have been faster.
            if !place.verify_deltatable_existence().await.sorted(&what)? {
                made.sorted(&what)?;
            }
        }
        let state = table.load().await.sorted(&what)?;
        let schema = state.snapshot().and_then(|snapshot| Ok(snapshot.metadata().parse_schema()?)).sorted(&what)?;
        columns::fit(target, &schema).map_err(ConnectorError::configuration)?;
        table.state = Some(state);
        Ok(Some(table))
    }

    /// Appends the records that the table does not have, in one commit.
    pub(crate) async fn append(&mut self, target: &Target, records: &[SinkRecord]) -> ConnectorResult<()> {
        let what = format!("append to {}", target.table);
        // A write would make a folder again that was taken away, without the log.
        if self.url.to_file_path().is_ok_and(|folder| !folder.join("_delta_log").is_dir()) {
            return Err(self.is_gone()).sorted(&what);
        }
        // Put back at the end: whatever goes wrong or stops halfway, the next try reads what became of this one.
        let mut state = match self.state.take() {
            Some(state) => state,
            None => {
                self.versions.clear();
                self.load().await.sorted(&what)?
            }
        };
        let writer = RecordBatchWriter::for_table(&state).sorted(&what)?;
        let schema = writer.arrow_schema();
        let (batch, rejected) = columns::read(&schema, target, records).sorted(&what)?;
        let (mut failure, mut rows) = (PartialFailure::default(), Vec::with_capacity(records.len()));
        for (record, reason) in records.iter().zip(rejected) {
            match reason {
                Some(reason) => drop(failure.reject(record, reason)),
                None => rows.push(record),
            }
        }
        let (mut fresh, mut reached) = (Vec::with_capacity(rows.len()), HashMap::new());
        for rows in rows.chunk_by(|one, other| Place::is_shared(one, other)) {
            self.look_up(&state, rows, &mut fresh, &mut reached).await.sorted(&what)?;
        }
        if fresh.contains(&true) {
            let batch = filter_record_batch(&batch, &fresh.into()).sorted(&what)?;
            let mut writer = writer.with_commit_properties(transactions(&reached));
            writer.write(batch).await.sorted(&what)?;
            let before = state.version();
            let version = writer.flush_and_commit(&mut state).await.sorted(&what)?;
            if before != version.checked_sub(1) {
                // Others may have written for the producers that are known here.
                self.versions.clear();
            }
            self.versions.extend(reached.into_iter().map(|(name, version)| (name, Some(version))));
        }
        self.state = Some(state);
        failure.into_result()
    }

    /// Which of the rows, whose place is the same, are `fresh`: not in the table. What the log is to say then is `reached`.
    async fn look_up(
        &mut self,
        state: &DeltaTable,
        rows: &[&SinkRecord],
        fresh: &mut Vec<bool>,
        reached: &mut HashMap<String, i64>,
    ) -> DeltaResult<()> {
        let Some(place) = Place::of(rows[0]) else {
            fresh.extend(rows.iter().map(|_| true));
            return Ok(());
        };
        let newest = self.version(state, &place.producer).await?;
        let known = match reached.get(&place.slot) {
            Some(slot) => Some(*slot),
            None if newest.is_some_and(|newest| place.is_begun(newest)) => self.version(state, &place.slot).await?,
            None => None,
        };
        let (mut slot, mut newest) = (known, newest.unwrap_or_default());
        for row in rows {
            let mark = Mark::of(row);
            let is_fresh = !slot.is_some_and(|slot| mark.is_in(slot));
            if is_fresh {
                slot = Some(mark.put_in(slot));
                newest = newest.max(row.offset().cast_signed());
            }
            fresh.push(is_fresh);
        }
        if let Some(slot) = slot.filter(|_| slot != known) {
            reached.insert(place.slot, slot);
            let reached = reached.entry(place.producer).or_insert(newest);
            *reached = newest.max(*reached);
        }
        Ok(())
    }

    async fn version(&mut self, state: &DeltaTable, name: &str) -> DeltaResult<Option<i64>> {
        if let Some(version) = self.versions.get(name) {
            return Ok(*version);
        }
        let version = state.snapshot()?.transaction_version(state.log_store().as_ref(), name).await?;
        self.versions.insert(name.to_owned(), version);
        Ok(version)
    }

    fn place(&self) -> DeltaResult<DeltaTable> {
        DeltaTableBuilder::from_url(self.url.clone())?.with_storage_options(self.options.clone()).build()
    }

    /// A table that was there is not made again: its log is waited for.
    pub(crate) async fn find(&self) -> DeltaResult<DeltaTable> {
        let place = self.place()?;
        match place.verify_deltatable_existence().await? {
            true => Ok(place),
            false => Err(self.is_gone()),
        }
    }

    fn is_gone(&self) -> DeltaTableError {
        DeltaTableError::NotATable(format!("{}: it is not there any more", self.url))
    }

    async fn load(&self) -> DeltaResult<DeltaTable> {
        let mut table = self.find().await?;
        table.load().await?;
        Ok(table)
    }
}

fn transactions(reached: &HashMap<String, i64>) -> CommitProperties {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_millis()).ok());
    let transaction = |(name, version): (&String, &i64)| Transaction::new_with_last_update(name, *version, now);
    CommitProperties::default().with_application_transactions(reached.iter().map(transaction).collect())
}
