//! One Delta table: made or opened, and appended to.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use danube_sink::{Deduplication, each_record, prelude::*};
use danube_sink_arrow::Rows;
use deltalake::{
    DataType, DeltaResult, DeltaTable, DeltaTableBuilder, StructField,
    arrow::{compute::filter_record_batch, datatypes::DataType as ArrowType},
    ensure_table_uri,
    kernel::{
        Transaction,
        engine::arrow_conversion::{TryFromArrow, TryIntoKernel},
        transaction::CommitProperties,
    },
    operations::create::CreateBuilder,
    writer::{DeltaWriter, RecordBatchWriter},
};

use super::{
    Target,
    columns::{can_be_columns, cannot_be_made},
    failure::{Failure, Sorted},
    partitions, protocol,
};

/// How long the log remembers a producer that sends nothing any more.
const PRODUCERS_ARE_REMEMBERED: &str = "interval 30 days";

/// A table, or the place of one.
pub(crate) struct Table {
    url: Url,
    options: HashMap<String, String>,
    was_there: bool,
    /// As of the last commit; `None` when that is in doubt, or there was none.
    state: Option<DeltaTable>,
    /// The last commit as the log has it, by which a table is known from another one in its place.
    commit: Option<Bytes>,
    /// What the log says of records, in its transactions.
    deduplication: Deduplication,
}

impl Table {
    /// The table of a mapping, made if it is not there and the mapping names its columns.
    pub(crate) async fn open(target: &Target, options: HashMap<String, String>) -> ConnectorResult<Self> {
        let url = ensure_table_uri(&target.table).sorted("open the table").map_err(Failure::at_start)?;
        let deduplication = Deduplication::default();
        let mut table = Self { url, options, was_there: false, state: None, commit: None, deduplication };
        table.state = table.load(target, &[]).await.map_err(Failure::at_start)?;
        Ok(table)
    }

    /// Whether the table can be reached.
    pub(crate) async fn check(&self) -> ConnectorResult<()> {
        self.find().await?;
        Ok(())
    }

    /// Its place, and whether it is there. One that was there is not made again: its log is waited for.
    async fn find(&self) -> Result<(DeltaTable, bool), Failure> {
        let what = format!("find the table {}", self.url);
        let place = DeltaTableBuilder::from_url(self.url.clone()).sorted(&what)?;
        let place = place.with_storage_options(self.options.clone()).build().sorted(&what)?;
        match place.verify_deltatable_existence().await.sorted(&what)? {
            false if self.was_there => Err(Failure::gone(format!(
                "{} is not there any more; put it back, or restart the connector to begin another one",
                self.url
            ))),
            is_there => Ok((place, is_there)),
        }
    }

    /// What its log says now; `None` if it was never there and its columns are not known yet.
    async fn load(&mut self, target: &Target, records: &[SinkRecord]) -> Result<Option<DeltaTable>, Failure> {
        let what = format!("open the table {}", self.url);
        let (mut state, is_there) = self.find().await?;
        let mapped = target.mapped();
        if !is_there {
            let columns = mapped.of_new_table(records);
            if columns.is_empty() {
                return Ok(None);
            }
            if let Some(reason) = cannot_be_made(&columns, &target.partition_by) {
                return Err(Failure::schema(format!("make the table {}: {reason}", self.url)));
            }
            let columns = columns.iter().map(TryIntoKernel::try_into_kernel).collect::<Result<Vec<StructField>, _>>();
            let made = CreateBuilder::new()
                .with_log_store(state.log_store())
                .with_columns(columns.sorted(&what)?)
                .with_partition_columns(&target.partition_by)
                .with_configuration([
                    ("delta.checkpointInterval", Some(target.checkpoint_interval.to_string())),
                    ("delta.setTransactionRetentionDuration", Some(PRODUCERS_ARE_REMEMBERED.to_owned())),
                ])
                .await;
            // Another one may have been faster.
            if !state.verify_deltatable_existence().await.sorted(&what)? {
                made.sorted(&what)?;
            }
        }
        self.was_there = true;
        self.deduplication.forget();
        state.load().await.sorted(&what)?;
        protocol::check(state.snapshot().sorted(&what)?, self.url.as_str())?;
        let schema = RecordBatchWriter::for_table(&state).sorted(&what)?.arrow_schema();
        let type_name =
            |kind: &ArrowType| DataType::try_from_arrow(kind).map_or(kind.to_string(), |kind| kind.to_string());
        if let Some(misfit) = mapped.misfit(&schema, type_name) {
            return Err(Failure::schema(format!("{misfit}: {}", self.url)));
        }
        self.commit = last_commit(&state).await.sorted(&what)?;
        Ok(Some(state))
    }

    /// Whether the last commit is where it was. Else the next one would begin a log anew that cannot be read, or go on with
    /// that of another table.
    async fn is_the_same(&self, state: &DeltaTable) -> Result<bool, Failure> {
        let commit = last_commit(state).await.sorted(&format!("read the log of {}", self.url))?;
        Ok(commit.is_some() && commit == self.commit)
    }

    /// Appends the records that the table does not have, in one commit.
    pub(crate) async fn append(&mut self, target: &Target, records: &[SinkRecord]) -> ConnectorResult<()> {
        let what = format!("append to {}", self.url);
        // Put back at the end: whatever goes wrong or stops halfway, the next try reads what became of this one.
        let state = match self.state.take() {
            Some(state) if self.is_the_same(&state).await? => Some(state),
            _ => {
                if !self.was_there && !target.mapped().names_columns() && !self.find().await?.1 {
                    each_record(records, can_be_columns)?;
                }
                self.load(target, records).await?
            }
        };
        let mut state = state.ok_or_else(|| ConnectorError::fatal("there is neither a table nor a record"))?;
        let writer = RecordBatchWriter::for_table(&state).sorted(&what)?;
        let rows = target.mapped().columns(writer.arrow_schema()).rows(records).of_rows(&what)?;
        let partitions = state.snapshot().sorted(&what)?.metadata().partition_columns();
        let Rows { batch, records, rejected } = partitions::writable(rows, partitions).of_rows(&what)?;
        let fresh = self.deduplication.fresh(&records, |names| versions(&state, names)).await.sorted(&what)?;
        if fresh.records.contains(&true) {
            let batch = filter_record_batch(&batch, &fresh.records.clone().into()).of_rows(&what)?;
            let mut writer = writer.with_commit_properties(transactions(&fresh.numbers));
            writer.write(batch).await.of_rows(&what)?;
            let before = state.version();
            let version = writer.flush_and_commit(&mut state).await.of_rows(&what)?;
            if before != version.checked_sub(1) {
                // Others may have written for the producers that are known here.
                self.deduplication.forget();
            }
            self.deduplication.written(fresh);
            // Unread, it makes the next batch read the log.
            self.commit = last_commit(&state).await.unwrap_or_default();
        }
        self.state = Some(state);
        rejected.into_result()
    }
}

/// The newest commit that is known, if the log has it.
async fn last_commit(state: &DeltaTable) -> DeltaResult<Option<Bytes>> {
    match state.version() {
        Some(version) => state.log_store().read_commit_entry(version).await,
        None => Ok(None),
    }
}

/// What the log says under these names.
async fn versions(state: &DeltaTable, names: Vec<String>) -> DeltaResult<HashMap<String, i64>> {
    let (snapshot, log) = (state.snapshot()?, state.log_store());
    let mut versions = HashMap::new();
    for name in names {
        let version = snapshot.transaction_version(log.as_ref(), &name).await?;
        versions.extend(version.map(|version| (name, version)));
    }
    Ok(versions)
}

fn transactions(numbers: &HashMap<String, i64>) -> CommitProperties {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_millis()).ok());
    let transaction = |(name, version): (&String, &i64)| Transaction::new_with_last_update(name, *version, now);
    CommitProperties::default().with_application_transactions(numbers.iter().map(transaction).collect())
}
