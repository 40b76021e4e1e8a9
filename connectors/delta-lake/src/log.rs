//! The log of a table: its commits, the offsets of written records, and checkpoints.
//!
//! The library would write checkpoints and remove old files within each commit. It lists the whole log for that, and a failure of
//! it would count as one of the commit, so that records are written again. Here, both follow a commit that succeeded.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use deltalake::{
    DeltaResult, DeltaTable, DeltaTableError,
    checkpoints::{cleanup_metadata, create_checkpoint},
    kernel::{
        Action, Add, Transaction,
        transaction::{CommitBuilder, CommitProperties},
    },
    protocol::{DeltaOperation, SaveMode},
    table::config::TablePropertiesExt,
};
use futures_util::{StreamExt, TryStreamExt, stream};

/// Names that are looked up at once: the library reads the log for each.
const LOOKUPS_AT_ONCE: usize = 32;

/// The properties of every commit.
pub(crate) fn properties() -> CommitProperties {
    CommitProperties::default().with_create_checkpoint(false).with_cleanup_expired_logs(Some(false))
}

/// The log entry of the newest known commit, if it exists.
pub(crate) async fn last_commit(state: &DeltaTable) -> DeltaResult<Option<Bytes>> {
    match state.version() {
        Some(version) => state.log_store().read_commit_entry(version).await,
        None => Ok(None),
    }
}

/// Whether the log has commits that the state has not.
pub(crate) async fn has_later_commit(state: &DeltaTable) -> DeltaResult<bool> {
    match state.version() {
        Some(version) => Ok(state.log_store().read_commit_entry(version + 1).await?.is_some()),
        None => Ok(false),
    }
}

/// Commits files of appended rows, and the numbers of the deduplication. Returns the version.
pub(crate) async fn commit(
    state: &mut DeltaTable,
    files: Vec<Add>,
    numbers: &HashMap<String, i64>,
) -> DeltaResult<u64> {
    let snapshot = state.snapshot()?;
    let partition_by = Some(snapshot.metadata().partition_columns().to_vec()).filter(|columns| !columns.is_empty());
    let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by, predicate: None };
    let actions = files.into_iter().map(Action::Add).collect();
    let properties = properties().with_application_transactions(transactions(numbers));
    let commit = CommitBuilder::from(properties).with_actions(actions);
    let committed = commit.build(Some(snapshot), state.log_store(), operation).await?;
    state.state = Some(committed.snapshot());
    Ok(committed.version())
}

fn transactions(numbers: &HashMap<String, i64>) -> Vec<Transaction> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_millis()).ok());
    let transaction = |(name, version): (&String, &i64)| Transaction::new_with_last_update(name, *version, now);
    numbers.iter().map(transaction).collect()
}

/// The transaction versions in the log, by name.
pub(crate) async fn versions(state: &DeltaTable, names: Vec<String>) -> DeltaResult<HashMap<String, i64>> {
    let (snapshot, log) = (state.snapshot()?, state.log_store());
    let look_up = |name: String| {
        let log = log.as_ref();
        async move {
            let version = snapshot.transaction_version(log, &name).await?;
            Ok::<_, DeltaTableError>(version.map(|version| (name, version)))
        }
    };
    let versions: Vec<_> = stream::iter(names).map(look_up).buffer_unordered(LOOKUPS_AT_ONCE).try_collect().await?;
    Ok(versions.into_iter().flatten().collect())
}

/// Whether the table wants a checkpoint of this version.
pub(crate) fn wants_checkpoint(state: &DeltaTable) -> bool {
    let Ok(snapshot) = state.snapshot() else { return false };
    (snapshot.version() + 1).is_multiple_of(snapshot.table_config().checkpoint_interval().get())
}

/// Writes a checkpoint, and removes the files of the log that are older than the table retains them. Returns whether it has removed
/// some: the state may name them. It blocks its thread, so that a task of its own lets a time limit end the wait.
///
/// # Errors
/// Those of the library. The commits stay.
pub(crate) async fn checkpoint(state: DeltaTable) -> DeltaResult<bool> {
    create_checkpoint(&state, None).await?;
    if !state.snapshot()?.table_config().enable_expired_log_cleanup() {
        return Ok(false);
    }
    Ok(cleanup_metadata(&state, None).await? > 0)
}
