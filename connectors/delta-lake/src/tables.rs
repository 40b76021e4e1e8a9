//! The tables of the connector, by location, and batches that are for several of them.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex as Lock, PoisonError},
    time::Duration,
};

use danube_sink::{Group, prelude::*};
use danube_sink_arrow::store::fill_url;
use tokio::sync::Mutex;

use super::{failure, mapping::Target, schema::Registered, table::Table};

/// Tables of a batch that are written at once.
const AT_ONCE: usize = 8;

/// The tables of the connector.
pub(crate) struct Tables {
    /// Options of the store.
    options: HashMap<String, String>,
    opened: Lock<Opened>,
}

/// The known tables. Of those that records choose, the least recently used is forgotten first.
#[derive(Default)]
struct Opened {
    by_location: HashMap<String, Entry>,
    uses: u64,
}

struct Entry {
    table: Arc<Mutex<Table>>,
    /// The number of the last use; `None` for a table that a mapping names.
    used: Option<u64>,
}

impl Tables {
    pub(crate) fn new(options: HashMap<String, String>) -> Self {
        Self { options, opened: Lock::default() }
    }

    /// Opens the table that a mapping names, or checks the folder or bucket of those that records choose.
    pub(crate) async fn prepare(&self, target: &Target, registered: &Registered) -> Result<(), Failure> {
        match (target.table.constant(), target.root()) {
            (Some(location), _) => self.table(&location, target)?.lock().await.open(target, registered).await,
            (None, root) => {
                let root = root.unwrap_or_default();
                if !root.contains("://") {
                    let created = fs::create_dir_all(&root);
                    created.map_err(|error| failure::io(&error, &format!("create the folder {root}")))?;
                }
                self.check_root(target, &root).await
            }
        }
    }

    /// The health check: whether the table of a mapping exists, or the store of its tables can be reached.
    pub(crate) async fn check(&self, target: &Target) -> Result<(), Failure> {
        match target.root() {
            Some(root) => self.check_root(target, &root).await,
            None => {
                let location = target.table.constant().unwrap_or_default();
                self.table(&location, target)?.lock().await.find().await.map(drop)
            }
        }
    }

    async fn check_root(&self, target: &Target, root: &str) -> Result<(), Failure> {
        is_there(root, target)?;
        Table::new(root, target.table.to_string(), self.options.clone())?.find().await.map(drop)
    }

    /// Writes a batch, each record into its table.
    pub(crate) async fn write(&self, mut batch: Batch<'_, Target>, registered: &Registered) -> ConnectorResult<()> {
        if let Some(location) = batch.own().table.constant() {
            let appended = self.append(&location, &mut batch, registered).await;
            return batch.finish(appended);
        }
        let groups = batch.group_by(|target, record| fill_url(&target.table, record))?;
        let write = async |Group { key: location, mut batch }: Group<'_, Target, String>| {
            let appended = self.append(&location, &mut batch, registered).await;
            batch.finish(appended)
        };
        batch.concurrently(AT_ONCE, Duration::ZERO, groups, write).await
    }

    async fn append(
        &self,
        location: &str,
        batch: &mut Batch<'_, Target>,
        registered: &Registered,
    ) -> ConnectorResult<()> {
        let table = self.table(location, batch.own())?;
        table.lock().await.append(batch, registered).await
    }

    /// The table at a location, which is not read yet if it was not known.
    fn table(&self, location: &str, target: &Target) -> Result<Arc<Mutex<Table>>, Failure> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.uses += 1;
        let uses = opened.uses;
        if let Some(Entry { table, used }) = opened.by_location.get_mut(location) {
            *used = used.map(|_| uses);
            return Ok(Arc::clone(table));
        }
        let is_chosen = target.root().is_some();
        let shown = if is_chosen { target.table.to_string() } else { location.to_owned() };
        if let Some(root) = target.root() {
            // The library would create the folder, on a disk that is not mounted too.
            is_there(&root, target)?;
        }
        let table = Arc::new(Mutex::new(Table::new(location, shown, self.options.clone())?));
        let entry = Entry { table: Arc::clone(&table), used: is_chosen.then_some(uses) };
        opened.by_location.insert(location.to_owned(), entry);
        opened.forget_beyond(target.max_open_tables);
        Ok(table)
    }
}

impl Opened {
    fn forget_beyond(&mut self, most: usize) {
        let mut chosen: Vec<_> =
            self.by_location.iter().filter_map(|(name, entry)| Some((entry.used?, name.clone()))).collect();
        chosen.sort_unstable();
        for (_, name) in chosen.iter().take(chosen.len().saturating_sub(most)) {
            self.by_location.remove(name);
        }
    }
}

/// Whether the folder of the tables exists; of a URL, the store has to be asked.
fn is_there(root: &str, target: &Target) -> Result<(), Failure> {
    if root.contains("://") || Path::new(root).is_dir() {
        return Ok(());
    }
    Err(failure::gone(format!("the folder {root} of the tables {} does not exist; restore it", target.table)))
}
