//! The logs of one mapping: those that this process appends to, and those of older generations.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    LogKey, SpooledMapping, Storage,
    disk::{at, create_folder, removed, sync_folder},
    generation::{Generation, Successors},
    log::Log,
    quota::Quota,
    safe,
    segments::Segments,
    stored::Remembered,
};

/// The spool of one mapping.
#[derive(Debug)]
pub(crate) struct MappingSpool {
    pub(crate) key: LogKey,
    pub(crate) share: Arc<Quota>,
    is_ordered: bool,
    /// The folder of this process's generation.
    folder: PathBuf,
    successors: Successors,
    storage: Storage,
    logs: Mutex<Logs>,
    changed: Notify,
    /// There are more logs to deliver.
    more: Notify,
}

#[derive(Debug, Default)]
struct Logs {
    /// By the partition's own topic name.
    own: BTreeMap<Arc<str>, Arc<Log>>,
    /// By generation and topic.
    older: BTreeMap<(u64, Arc<str>), Older>,
    /// How many older logs there were so far.
    adopted: u64,
    /// The oldest generation of a process that lives, which may have records that come first.
    locked: Option<u64>,
}

/// A log of an older generation.
#[derive(Debug)]
struct Older {
    /// Differs for each: a generation that is removed leaves its number to another one.
    name: String,
    log: Arc<Log>,
}

/// How much of a mapping is in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SpoolSize {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// When the oldest record was spooled: microseconds since 1970.
    pub(crate) oldest: Option<u64>,
}

impl MappingSpool {
    pub(super) fn new(
        mapping: &SpooledMapping,
        own: &Generation,
        successors: Successors,
        share: u64,
        storage: Storage,
    ) -> Self {
        let SpooledMapping { key, is_ordered } = mapping.clone();
        let (share, folder) = (Arc::new(Quota::new(share)), own.folder.clone());
        let (logs, changed, more) = (Mutex::default(), Notify::new(), Notify::new());
        Self { key, share, is_ordered, folder, successors, storage, logs, changed, more }
    }

    /// The log of this process for a partition. Blocks the first time.
    pub(crate) fn log(&self, topic: &Arc<str>) -> io::Result<Arc<Log>> {
        if let Some(log) = self.logs().own.get(topic) {
            return Ok(Arc::clone(log));
        }
        self.begin(topic, Vec::new())
    }

    /// Begins the log of a partition, with what older ones remember. Blocks.
    pub(super) fn begin(&self, topic: &Arc<str>, remembered: Vec<Remembered>) -> io::Result<Arc<Log>> {
        if !self.folder.exists() {
            return Err(removed(&self.folder));
        }
        // Outside the lock, which the tasks of the delivery need: a disk may stand still. Only one spooler makes the logs.
        let LogKey { topic: _, subscription } = &self.key;
        let name = format!("{}-{}", safe(topic), safe(subscription));
        // A number distinguishes names that differ in other letters only.
        let folder = (0..).map(|number| self.folder.join(format!("{name}-{number}"))).find(|folder| !folder.exists());
        let folder = folder.unwrap_or_else(|| self.folder.join(name));
        create_folder(&folder).map_err(at(&folder, "creating the folder"))?;
        if self.storage.syncs() {
            sync_folder(&self.folder).map_err(at(&self.folder, "syncing"))?;
        }
        let (share, storage) = (Arc::clone(&self.share), self.storage.clone());
        let is_known = !remembered.is_empty();
        let log = Log::new(Arc::clone(topic), self.key.clone(), folder, share, storage, Segments::after(remembered));
        if is_known && let Err(error) = log.begin() {
            // A full disk does not keep what is spooled from being delivered.
            tracing::warn!("{error}: messages that are redelivered after the next restart are delivered twice");
        }
        let log = Arc::new(log);
        self.logs().own.insert(Arc::clone(topic), Arc::clone(&log));
        self.more.notify_one();
        Ok(log)
    }

    /// The last messages of a partition that were spooled before this process started, oldest first.
    pub(crate) fn remembered(&self, topic: &str) -> Vec<Remembered> {
        self.logs().own.get(topic).map(|log| log.remembered()).unwrap_or_default()
    }

    pub(super) fn add_older(&self, generation: u64, log: Arc<Log>) {
        let mut logs = self.logs();
        logs.adopted += 1;
        let name = format!("{}:{}", logs.adopted, log.topic);
        logs.older.insert((generation, Arc::clone(&log.topic)), Older { name, log });
        drop(logs);
        self.changed.notify_waiters();
        self.more.notify_one();
    }

    /// Forgets the logs of a generation that is delivered. Blocks.
    pub(super) fn forget(&self, generation: u64) {
        let forgotten: Vec<_> = self.logs().older.extract_if(.., |(number, _), _| *number == generation).collect();
        forgotten.iter().for_each(|(_, older)| older.log.free());
        self.changed.notify_waiters();
    }

    pub(super) fn set_locked(&self, locked: Option<u64>) {
        if std::mem::replace(&mut self.logs().locked, locked) != locked {
            self.changed.notify_waiters();
        }
    }

    /// The oldest generation of another process that lives.
    pub(super) fn locked(&self) -> Option<u64> {
        self.logs().locked
    }

    /// The partition's topic in the name of a log.
    pub(crate) fn topic_of(name: &str) -> &str {
        name.rsplit_once(':').map_or(name, |(_, topic)| topic)
    }

    /// The logs to deliver, by a name of their own that ends with the partition's.
    pub(crate) fn readable(&self) -> Vec<(String, Arc<Log>)> {
        let logs = self.logs();
        let older = logs.older.values().map(|Older { name, log }| (name.clone(), Arc::clone(log)));
        let own = logs.own.iter().map(|(topic, log)| (topic.as_ref().to_owned(), Arc::clone(log)));
        older.chain(own).collect()
    }

    /// Whether a log is of an older generation, to which nothing is appended any more.
    pub(crate) fn is_older(&self, log: &Arc<Log>) -> bool {
        self.logs().older.values().any(|older| Arc::ptr_eq(&older.log, log))
    }

    /// Waits until the records of a log may be delivered: in an ordered mapping, after those of older generations.
    pub(crate) async fn turn(&self, log: &Arc<Log>) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registers before it checks, so that no change is missed in between.
            changed.as_mut().enable();
            let Some(before) = self.before(log) else { return };
            match before {
                Some(older) => {
                    let settled = older.changed();
                    tokio::pin!(settled);
                    settled.as_mut().enable();
                    if !older.is_drained() {
                        settled.await;
                    }
                }
                None => changed.await,
            }
        }
    }

    /// What precedes a log: an older log of the partition, or a generation that is locked (`Some(None)`).
    fn before(&self, log: &Arc<Log>) -> Option<Option<Arc<Log>>> {
        let logs = self.logs();
        if !self.is_ordered {
            return None;
        }
        let of_partition = logs.older.iter().filter(|((_, topic), _)| *topic == log.topic);
        for ((generation, _), Older { log: older, .. }) in of_partition {
            if Arc::ptr_eq(older, log) {
                return logs.locked.is_some_and(|locked| locked < *generation).then_some(None);
            }
            if !older.is_drained() {
                return Some(Some(Arc::clone(older)));
            }
        }
        logs.locked.map(|_| None)
    }

    /// Frees the bytes of settled records in the last segments. Whether there were any. Blocks.
    pub(crate) fn compact(&self) -> bool {
        let own: Vec<_> = self.logs().own.values().cloned().collect();
        own.iter().filter(|log| log.compact()).count() > 0
    }

    /// How many unsettled records are in files that are no longer there. Blocks.
    pub(super) fn lost(&self) -> u64 {
        self.readable().iter().map(|(_, log)| log.lost()).sum()
    }

    /// Logs how many records are left in the spool's folder. Blocks.
    pub(super) fn log_left(&self, root: &Path) {
        let (folder, LogKey { topic, subscription }) = (root.display(), &self.key);
        let lost = self.lost();
        let records = self.share.records().saturating_sub(lost);
        if lost > 0 {
            tracing::error!(
                topic,
                subscription,
                records = lost,
                "{lost} records were acknowledged and not delivered, and their files in {folder} were removed while the \
                 connector ran: they are lost unless the files are brought back before the next start"
            );
        }
        if records > 0 {
            tracing::warn!(
                topic,
                subscription,
                records,
                "{records} records stay in the spool {folder}: the next start delivers them"
            );
        }
    }

    pub(super) fn close(&self) {
        self.readable().iter().for_each(|(_, log)| log.close());
    }

    pub(crate) fn size(&self) -> SpoolSize {
        let oldest = self.readable().iter().filter_map(|(_, log)| log.oldest()).min();
        SpoolSize { records: self.share.records(), bytes: self.share.bytes(), oldest }
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Whether another process has begun to spool after this one. What this one appends from now on would be delivered before
    /// the other's records, although it is newer. Blocks.
    pub(crate) fn is_superseded(&self) -> io::Result<bool> {
        Ok(self.is_ordered && self.successors.exist()?)
    }

    /// Returns when [`readable`](Self::readable) returns more logs than at the last call.
    pub(crate) async fn more(&self) {
        self.more.notified().await;
    }

    fn logs(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
