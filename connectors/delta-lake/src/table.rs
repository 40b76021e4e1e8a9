//! One Delta table: opens or creates it, and appends records.

use std::{
    collections::{HashMap, HashSet},
    fs, io, mem,
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use danube_sink::{Deduplication, PartialFailure, prelude::*, schema::AwaitedColumn};
use danube_sink_arrow::Rows;
use deltalake::{
    DataType, DeltaResult, DeltaTable, DeltaTableBuilder, DeltaTableError, StructField,
    arrow::{
        compute::filter_record_batch,
        datatypes::{DataType as ArrowType, Field as ArrowColumn},
    },
    ensure_table_uri,
    kernel::engine::arrow_conversion::{TryFromArrow, TryIntoKernel},
    operations::create::CreateBuilder,
    writer::{DeltaWriter, RecordBatchWriter},
};
use tokio::task::{JoinError, JoinHandle};
use tracing::warn;

use super::{
    columns::{check_field_names, creation_error, is_writable},
    compaction::compact,
    failure::{self, Classify},
    files::{self, Unbounded},
    log::{self, has_later_commit, last_commit},
    mapping::Target,
    partitions, protocol,
    schema::{Registered, add_columns},
};

/// How long the log keeps the offsets of a producer after its last message.
const PRODUCER_RETENTION: &str = "interval 30 days";

/// A table, which may not exist yet.
pub(crate) struct Table {
    url: Url,
    /// The location in messages: without values of records.
    shown: String,
    options: HashMap<String, String>,
    /// Whether the table has existed: then it is not created again, unless records choose it.
    existed: bool,
    /// The state as of the last commit; `None` if that is in doubt, or there was none.
    state: Option<DeltaTable>,
    /// The last commit in the log, which distinguishes the table from another one at its location.
    commit: Option<Bytes>,
    /// The offsets of written records, from the log's transactions.
    deduplication: Deduplication,
    /// The column that batches wait for.
    awaited: AwaitedColumn,
    /// Commits since small files were looked for; `MAX` before that, for a table has those of before it was opened.
    commits: usize,
    /// Files that no compaction joins, by path.
    left_alone: HashSet<String>,
    /// Whether a commit since the last checkpoint is one that the table wants a checkpoint of.
    wants_checkpoint: bool,
    /// The checkpoint and the cleanup that run, and whether they have removed files of the log; no others begin meanwhile.
    checkpoint: Option<JoinHandle<DeltaResult<bool>>>,
}

impl Table {
    /// The table at a location, a folder or a URL. Nothing is read, but a missing folder is created.
    pub(crate) fn new(location: &str, shown: String, options: HashMap<String, String>) -> Result<Self, Failure> {
        // The library does so, too, and calls a failure an invalid location.
        if !location.contains("://") && !Path::new(location).exists() {
            let created = fs::create_dir_all(location);
            created.map_err(|error| failure::io(&error, &format!("create the folder of the table {shown}")))?;
        }
        let url = ensure_table_uri(location).classify(&format!("open the table {shown}"))?;
        let deduplication = Deduplication::default();
        let (awaited, commits) = (AwaitedColumn::default(), usize::MAX);
        let (existed, wants_checkpoint) = (false, false);
        Ok(Self {
            url,
            shown,
            options,
            existed,
            state: None,
            commit: None,
            deduplication,
            awaited,
            commits,
            left_alone: HashSet::new(),
            wants_checkpoint,
            checkpoint: None,
        })
    }

    /// Opens the table at start. A missing one is created if its columns are known.
    pub(crate) async fn open(&mut self, target: &Target, registered: &Registered) -> Result<(), Failure> {
        self.state = self.load(target, registered, &[]).await?;
        Ok(())
    }

    /// The table's location, and whether the table exists. One that has existed is waited for.
    pub(crate) async fn find(&self) -> Result<(DeltaTable, bool), Failure> {
        let what = format!("find the table {}", self.shown);
        let location = DeltaTableBuilder::from_url(self.url.clone()).classify(&what)?;
        let location = location.with_storage_options(self.options.clone()).build().classify(&what)?;
        match location.verify_deltatable_existence().await.classify(&what)? {
            false if self.existed => Err(failure::gone(format!(
                "{} no longer exists; restore it, or restart the connector to create a new one",
                self.shown
            ))),
            exists => Ok((location, exists)),
        }
    }

    /// The current state; `None` if the table does not exist and its columns are not known yet.
    async fn load(
        &mut self,
        target: &Target,
        registered: &Registered,
        records: &[SinkRecord],
    ) -> Result<Option<DeltaTable>, Failure> {
        let what = format!("open the table {}", self.shown);
        let (mut state, exists) = self.find().await?;
        if !exists {
            let columns = registered.columns_of_new_table(target, records);
            if columns.is_empty() {
                return Ok(None);
            }
            self.create(&state, target, &columns).await?;
        }
        self.existed = true;
        self.deduplication.forget();
        let by_content = target.root().is_some();
        state.load().await.map_err(|error| failure::of_log(&error, &what, by_content))?;
        protocol::check(state.snapshot().classify(&what)?, &self.shown)?;
        let schema = RecordBatchWriter::for_table(&state).classify(&what)?.arrow_schema();
        let type_name =
            |kind: &ArrowType| DataType::try_from_arrow(kind).map_or(kind.to_string(), |kind| kind.to_string());
        let validated = target.mapped().validate(&schema, type_name);
        validated.map_err(|reason| failure::schema(format!("{reason}: {}", self.shown)))?;
        self.commit = last_commit(&state).await.classify(&what)?;
        Ok(Some(state))
    }

    async fn create(&self, location: &DeltaTable, target: &Target, columns: &[ArrowColumn]) -> Result<(), Failure> {
        let what = format!("create the table {}", self.shown);
        if let Some(reason) = creation_error(columns, &target.partition_by) {
            return Err(failure::schema(format!("{what}: {reason}")));
        }
        let columns = columns.iter().map(TryIntoKernel::try_into_kernel).collect::<Result<Vec<StructField>, _>>();
        let created = CreateBuilder::new()
            .with_log_store(location.log_store())
            .with_columns(columns.classify(&what)?)
            .with_partition_columns(&target.partition_by)
            .with_configuration([
                ("delta.checkpointInterval", Some(target.checkpoint_interval.to_string())),
                ("delta.setTransactionRetentionDuration", Some(PRODUCER_RETENTION.to_owned())),
            ])
            // With retries, the library adds its own metadata to a table that another writer creates meanwhile.
            .with_commit_properties(log::properties().with_max_retries(0))
            .await;
        // Another writer may have created it first.
        if !location.verify_deltatable_existence().await.classify(&what)? {
            created.classify(&what)?;
        }
        Ok(())
    }

    /// Whether the last commit is unchanged. Otherwise the next one would start a log that cannot be read, or continue that of
    /// another table.
    async fn is_the_same(&self, state: &DeltaTable) -> Result<bool, Failure> {
        let commit = last_commit(state).await.classify(&format!("read the log of {}", self.shown))?;
        Ok(commit.is_some() && commit == self.commit)
    }

    /// Appends the records that the table does not have, in one commit, and maintains the table after it.
    ///
    /// # Errors
    /// The error of the failure's class, or a partial failure that names the rejected records.
    pub(crate) async fn append(
        &mut self,
        batch: &mut Batch<'_, Target>,
        registered: &Registered,
    ) -> ConnectorResult<()> {
        let target = batch.own();
        if let Some(ended) = self.checkpoint.take_if(|running| running.is_finished())
            && !self.leaves_the_state(ended.await)
        {
            self.state = None;
        }
        // Put back at the end: after a failure or an abort, the next attempt reads the result of this one from the log.
        let state = match self.state.take() {
            Some(state) if self.is_the_same(&state).await? => Some(state),
            _ => {
                // One that records choose is created anew if it was removed, as after a restart: the others go on.
                self.existed &= target.root().is_none();
                let is_inferred = !target.mapped().names_columns() && !target.columns_from_schema;
                if !self.existed && is_inferred && self.find().await.is_ok_and(|(_, exists)| !exists) {
                    batch.each(|_, record| check_field_names(record))?;
                    let columns = registered.columns_of_new_table(target, batch.records());
                    if let Some(reason) = creation_error(&columns, &target.partition_by) {
                        return reject(
                            batch,
                            &format!("no table can be made of it and the others of its batch: {reason}"),
                        );
                    }
                }
                match self.load(target, registered, batch.records()).await {
                    // One record must not end the connector, nor hold up the others.
                    Err(failure) if self.is_at_fault(&failure, target).await => {
                        return reject(
                            batch,
                            &format!("the table that it chooses cannot be written: {}", failure.message),
                        );
                    }
                    loaded => loaded?,
                }
            }
        };
        let state = state.ok_or_else(|| failure::gone(format!("{} no longer exists", self.shown)))?;
        let (state, rejected) = self.append_to(state, target, registered, batch).await?;
        self.state = self.maintained(state, target, batch.deadline()).await;
        rejected.into_result()
    }

    /// Whether the table that records choose is the cause of a failure, while others can be opened.
    async fn is_at_fault(&self, failure: &Failure, target: &Target) -> bool {
        let Some(root) = target.root() else { return false };
        match failure.class {
            TargetFailure::Misconfigured => true,
            // The store may refuse the folder of this table, or all.
            TargetFailure::NotReady if self.find().await.is_err_and(|found| found.class == failure.class) => {
                match Self::new(&root, self.shown.clone(), self.options.clone()) {
                    Ok(root) => root.find().await.is_ok(),
                    Err(_) => false,
                }
            }
            _ => false,
        }
    }

    async fn append_to(
        &mut self,
        mut state: DeltaTable,
        target: &Target,
        registered: &Registered,
        batch: &Batch<'_, Target>,
    ) -> Result<(DeltaTable, PartialFailure), Failure> {
        let (records, deadline) = (batch.records(), batch.deadline());
        let what = format!("append to {}", self.shown);
        let mut writer = files::writer(&state).classify(&what)?;
        let new = target.columns_to_add(&writer.arrow_schema(), records);
        if !new.is_empty() {
            let what = format!("add columns to {}", self.shown);
            state = add_columns(state, &new).await.classify(&what)?;
            self.wants_checkpoint |= log::wants_checkpoint(&state);
            self.commit = last_commit(&state).await.classify(&what)?;
            writer = files::writer(&state).classify(&what)?;
            // Other writers may have committed records of the same producers.
            self.deduplication.forget();
        }
        let mut rows = target.mapped().columns(writer.arrow_schema()).rows(records).classify_rows(&what)?;
        if !rows.new_fields.is_empty() && has_later_commit(&state).await.classify(&what)? {
            // Another writer may have added the column.
            if let Some(current) = self.load(target, registered, records).await? {
                state = current;
                writer = files::writer(&state).classify(&what)?;
                rows = target.mapped().columns(writer.arrow_schema()).rows(records).classify_rows(&what)?;
            }
        }
        // A field that every record has is a change of the producer's, for which the table gets a column; none that no table can
        // have. A table that records choose would hold up the others.
        if target.root().is_none() {
            let possible: Vec<_> = rows.new_fields.iter().filter(|name| is_writable(name)).collect();
            self.awaited.check(&possible, records.len()).map_err(|failure| failure.context(&what))?;
        }
        let partitions = state.snapshot().classify(&what)?.metadata().partition_columns();
        let rows = partitions::writable(rows, partitions, partitions::room(&self.url)).classify_rows(&what)?;
        let Rows { batch, records, rejected, .. } = rows;
        let fresh = self.deduplication.fresh(&records, |names| log::versions(&state, names)).await.classify(&what)?;
        if fresh.records.contains(&true) {
            let batch = filter_record_batch(&batch, &fresh.records.clone().into()).classify_rows(&what)?;
            let mut unbounded = Unbounded::default();
            unbounded.note(&batch);
            writer.write(batch).await.classify_rows(&what)?;
            let files = unbounded.flush(&mut writer).await.classify_rows(&what)?;
            let before = state.version();
            let version = log::commit(&mut state, files, &fresh.numbers).await.classify_rows(&what)?;
            self.check_folder(version)?;
            if before != version.checked_sub(1) {
                // Other writers may have committed records of the same producers.
                self.deduplication.forget();
            }
            self.deduplication.written(fresh);
            self.commits = self.commits.saturating_add(1);
            self.wants_checkpoint |= log::wants_checkpoint(&state);
            self.commit = self.read_back(&state, deadline).await;
        }
        Ok((state, rejected))
    }

    /// Checks after a commit that the table is still in its folder: the library creates a folder that was moved away meanwhile, and
    /// begins a log there that nothing can read.
    fn check_folder(&self, version: u64) -> Result<(), Failure> {
        let Ok(folder) = self.url.to_file_path() else { return Ok(()) };
        let log = folder.join("_delta_log");
        let commit = log.join(format!("{version:020}.json"));
        let is_other = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.path() != commit);
        let has_others = fs::read_dir(&log).is_ok_and(|mut entries| entries.any(is_other));
        if commit.exists() && (version == 0 || has_others) {
            return Ok(());
        }
        if !has_others {
            // What it leaves would hide that the table is gone.
            let _ = fs::remove_file(&commit).and_then(|()| fs::remove_dir(&log));
        }
        Err(failure::gone(format!("append to {}: the folder was moved during the commit; restore it", self.shown)))
    }

    /// Joins small files and writes a checkpoint, if the commits ask for it. `None` if the next batch has to read the log again. A
    /// failure is logged: the records are written.
    async fn maintained(&mut self, mut state: DeltaTable, target: &Target, deadline: Instant) -> Option<DeltaTable> {
        if let Some(after) = target.compact_after.filter(|after| self.commits >= *after) {
            self.commits = 0;
            let compaction = compact(&state, &self.shown, after, &mut self.left_alone);
            let joined = in_time(&self.shown, compaction, deadline, "small files are not joined").await?;
            if let Some(joined) = joined {
                state = joined;
                self.commit = self.read_back(&state, deadline).await;
                self.wants_checkpoint |= log::wants_checkpoint(&state);
            }
        }
        if self.checkpoint.is_none() && mem::take(&mut self.wants_checkpoint) {
            let running = self.checkpoint.insert(tokio::spawn(log::checkpoint(state.clone())));
            match tokio::time::timeout(half_of_time(deadline), running).await {
                Ok(ended) => {
                    self.checkpoint = None;
                    return self.leaves_the_state(ended).then_some(state);
                }
                Err(_) => warn!(
                    table = self.shown,
                    "the checkpoint takes longer than half of the time that `write_timeout_ms` leaves, and goes on in the background"
                ),
            }
        }
        Some(state)
    }

    /// Whether a checkpoint has ended and has removed nothing that the state may name. A failure is logged.
    fn leaves_the_state(&self, ended: Result<DeltaResult<bool>, JoinError>) -> bool {
        let ended = ended.unwrap_or_else(|error| Err(DeltaTableError::GenericError { source: error.into() }));
        match ended {
            Ok(has_removed) => !has_removed,
            Err(error) => {
                let why = maintenance_error(&error);
                warn!(table = self.shown, error = why, "the checkpoint or the cleanup of the log has failed");
                false
            }
        }
    }

    /// The commit that was just made, from the log; `None` if that fails, so that the next batch reads the whole log.
    async fn read_back(&self, state: &DeltaTable, deadline: Instant) -> Option<Bytes> {
        in_time(&self.shown, last_commit(state), deadline, "the commit cannot be read back").await.flatten()
    }
}

/// The result of what follows a commit, in half of the time that is left; `None` if it fails.
async fn in_time<T>(
    shown: &str,
    work: impl Future<Output = DeltaResult<T>>,
    deadline: Instant,
    failed: &str,
) -> Option<T> {
    let why = match tokio::time::timeout(half_of_time(deadline), work).await {
        Ok(Ok(result)) => return Some(result),
        Ok(Err(error)) => maintenance_error(&error),
        Err(_) => "it takes longer than half of the time that `write_timeout_ms` leaves".to_owned(),
    };
    warn!(table = shown, error = why, "{failed}");
    None
}

fn half_of_time(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()) / 2
}

fn maintenance_error(error: &DeltaTableError) -> String {
    ConnectorError::from(failure::failure(error, "maintain the table")).report()
}

/// Rejects all records of a batch.
fn reject(batch: &Batch<'_, Target>, reason: &str) -> ConnectorResult<()> {
    PartialFailure::of_rejected(batch.records(), reason).into_result()
}
