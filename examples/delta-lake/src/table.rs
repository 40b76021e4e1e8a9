//! One Delta table: made or opened, and appended to.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use danube_sink::{Deduplication, prelude::*};
use danube_sink_arrow::{Columns, Rows};
use deltalake::{
    DeltaResult, DeltaTable, DeltaTableBuilder, DeltaTableError,
    arrow::compute::filter_record_batch,
    ensure_table_uri,
    kernel::{Transaction, transaction::CommitProperties},
    operations::create::CreateBuilder,
    writer::{DeltaWriter, RecordBatchWriter},
};

use super::{Target, failure::Sorted};

/// How long the log remembers a producer that sends nothing any more.
const PRODUCERS_ARE_REMEMBERED: &str = "interval 30 days";

/// A table that was there when it was looked for.
pub(crate) struct Table {
    url: Url,
    options: HashMap<String, String>,
    /// As of the last commit; `None` when that is in doubt.
    state: Option<DeltaTable>,
    /// What the log says of records, in its transactions.
    deduplication: Deduplication,
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
        let mut table = Self { url, options, state: None, deduplication: Deduplication::default() };
        let place = table.place().sorted(&what)?;
        if !place.verify_deltatable_existence().await.sorted(&what)? {
            let columns = target.of_new_table(records).sorted(&what)?;
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
        target.fits(&schema)?;
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
                self.deduplication.forget();
                self.load().await.sorted(&what)?
            }
        };
        let writer = RecordBatchWriter::for_table(&state).sorted(&what)?;
        let columns = Columns::new(writer.arrow_schema(), |name| target.source(name));
        let Rows { batch, records, rejected } = columns.rows(records).sorted(&what)?;
        let fresh = self.deduplication.fresh(&records, |names| versions(&state, names)).await.sorted(&what)?;
        if fresh.records.contains(&true) {
            let batch = filter_record_batch(&batch, &fresh.records.clone().into()).sorted(&what)?;
            let mut writer = writer.with_commit_properties(transactions(&fresh.numbers));
            writer.write(batch).await.sorted(&what)?;
            let before = state.version();
            let version = writer.flush_and_commit(&mut state).await.sorted(&what)?;
            if before != version.checked_sub(1) {
                // Others may have written for the producers that are known here.
                self.deduplication.forget();
            }
            self.deduplication.written(fresh);
        }
        self.state = Some(state);
        rejected.into_result()
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

/// What the log says under these names.
async fn versions(state: &DeltaTable, names: Vec<String>) -> DeltaResult<HashMap<String, i64>> {
    let (snapshot, log) = (state.snapshot()?, state.log_store());
    let mut versions = HashMap::new();
    for name in names {
        if let Some(version) = snapshot.transaction_version(log.as_ref(), &name).await? {
            versions.insert(name, version);
        }
    }
    Ok(versions)
}

fn transactions(numbers: &HashMap<String, i64>) -> CommitProperties {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_millis()).ok());
    let transaction = |(name, version): (&String, &i64)| Transaction::new_with_last_update(name, *version, now);
    CommitProperties::default().with_application_transactions(numbers.iter().map(transaction).collect())
}
