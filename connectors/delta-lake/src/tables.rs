//! The tables of a mapping, by location, and batches that are for several of them.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use danube_sink::{Group, Recent, prelude::*};
use danube_sink_arrow::store::{fill_url, reject_tombstone};
use deltalake::DeltaTable;
use tokio::sync::Mutex;

use super::{columns::creation_error, failure, mapping::Target, probe, schema::Registered, table::Table};

/// Tables of a batch that are written at once.
const AT_ONCE: usize = 8;

/// The tables of a mapping: the one that it names, or those that its records choose.
pub(crate) struct Tables {
    /// Options of the store.
    options: HashMap<String, String>,
    registered: Registered,
    /// By location.
    opened: Recent<Mutex<Table>>,
}

impl Tables {
    pub(crate) fn new(options: HashMap<String, String>, registered: Registered, target: &Target) -> Self {
        Self { options, registered, opened: Recent::new(target.max_open_tables) }
    }

    /// Opens the table that the mapping names, or checks the folder or bucket of those that records choose.
    pub(crate) async fn prepare(&self, target: &Target) -> Result<(), Failure> {
        match (target.table.constant(), target.root()) {
            (Some(location), _) => {
                let table = self.table(&location, target)?;
                let mut table = table.lock().await;
                probe::check(&table.find().await?.0, &location).await?;
                table.open(target, &self.registered).await
            }
            (None, root) => {
                // Otherwise, each record would be rejected for it.
                if target.mapped().names_columns()
                    && let Some(reason) = creation_error(&target.mapped().of_new_table(&[]), &target.partition_by)
                {
                    return Err(failure::schema(format!("create a table {}: {reason}", target.table)));
                }
                let root = root.unwrap_or_default();
                if !root.contains("://") {
                    let created = fs::create_dir_all(&root);
                    created.map_err(|error| failure::io(&error, &format!("create the folder {root}")))?;
                }
                // Rights may differ by table.
                probe::check_conditional(&self.find_root(target, &root).await?, &root).await
            }
        }
    }

    /// The health check: whether the table of the mapping exists, or the store of its tables can be reached.
    pub(crate) async fn check(&self, target: &Target) -> Result<(), Failure> {
        match target.root() {
            Some(root) => self.find_root(target, &root).await.map(drop),
            None => {
                let location = target.table.constant().unwrap_or_default();
                self.table(&location, target)?.lock().await.find().await.map(drop)
            }
        }
    }

    async fn find_root(&self, target: &Target, root: &str) -> Result<DeltaTable, Failure> {
        is_there(root, target)?;
        Ok(Table::new(root, target.table.to_string(), self.options.clone())?.find().await?.0)
    }

    /// Writes a batch, each record into its table.
    pub(crate) async fn write(&self, mut batch: Batch<'_, Target>) -> ConnectorResult<()> {
        batch.each(|_, record| reject_tombstone(record))?;
        if let Some(location) = batch.own().table.constant() {
            let appended = self.append(&location, &mut batch).await;
            return batch.finish(appended);
        }
        // Each table has the offsets of its own records, so that a record of another one may overtake.
        let groups = batch.group_by_target(|target, record| fill_url(&target.table, record))?;
        let write = async |Group { key: location, mut batch }: Group<'_, Target, String>| {
            let appended = self.append(&location, &mut batch).await;
            batch.finish(appended)
        };
        batch.concurrently(AT_ONCE, Duration::ZERO, groups, write).await
    }

    async fn append(&self, location: &str, batch: &mut Batch<'_, Target>) -> ConnectorResult<()> {
        let target = batch.own();
        let table = self.table(location, target)?;
        let most = batch.deadline().saturating_duration_since(Instant::now());
        let append = async { table.lock().await.append(batch, &self.registered).await };
        let Ok(appended) = tokio::time::timeout(most, append).await else {
            // Cancelled, so that the next attempt reads the log.
            let shown = &target.table;
            return Err(failure::away(format!(
                "append to {shown}: the store did not answer in time, or takes more of it than `write_timeout_ms` allows"
            ))
            .into());
        };
        appended
    }

    /// The table at a location, which is not read yet if it was not known.
    fn table(&self, location: &str, target: &Target) -> Result<Arc<Mutex<Table>>, Failure> {
        let shown = match target.root() {
            None => location.to_owned(),
            Some(root) => {
                // The library would create the folder, on a disk that is not mounted too.
                is_there(&root, target)?;
                target.table.to_string()
            }
        };
        if let Some(table) = self.opened.get(location) {
            return Ok(table);
        }
        let table = Arc::new(Mutex::new(Table::new(location, shown, self.options.clone())?));
        self.opened.insert(location, Arc::clone(&table));
        Ok(table)
    }
}

/// Whether the folder of the tables exists; of a URL, the store has to be asked.
fn is_there(root: &str, target: &Target) -> Result<(), Failure> {
    if root.contains("://") || Path::new(root).is_dir() {
        return Ok(());
    }
    Err(failure::gone(format!("the folder {root} of the tables {} does not exist; restore it", target.table)))
}
