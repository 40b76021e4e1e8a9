//! The spool: messages that were acknowledged and wait on this machine's disk to be delivered. With `data_dir`.
//!
//! ```text
//!  data_dir/CONNECTOR/00000007/lock               a generation: the folder of one process
//!                             /0001-orders/…0.segment   a log: records of one partition and subscription
//!                             /0001-orders/marks        which of them are settled
//!                    /damaged/…                   copies of segments that could not be read
//! ```
//!
//! It knows files and records, and nothing of brokers and targets: the pipeline appends what it receives to a [`Log`], and
//! reads it from there.
//!
//! - [`frame`], [`stored`]: the format; [`log`], [`segments`]: appending, settling, removing; [`reader`]: reading
//! - [`marks`], [`settled`]: which positions are settled; [`quota`]: how much disk a mapping may use
//! - [`generation`], [`recovery`]: what a process finds of earlier ones; [`mapping`]: the logs of a mapping
//! - [`survey`], [`contents`]: what the command line shows and exports; [`capacity`]: the disk
//!
//! Why no storage crate: a spool needs files that only their owner can read, a full disk that is survived without a restart,
//! damage that is kept and reported, and segments that are removed when the target has their records. redb keeps all in one
//! file that does not shrink, and has to be opened anew, with a repair, after a write failed. fjall creates files with the
//! process's permissions, and silently cuts a journal at its first unreadable entry. raft-engine keeps its index in memory.

mod capacity;
mod contents;
mod disk;
mod frame;
mod generation;
mod log;
mod mapping;
mod marks;
mod quota;
mod reader;
mod recovery;
mod segments;
mod settled;
mod stored;
mod survey;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub(crate) use self::{
    capacity::{Capacity, size_text},
    disk::create as create_private,
    generation::Successors,
    log::{AppendError, Log},
    mapping::{MappingSpool, SpoolSize},
    reader::Reader,
    stored::{Remembered, StoredRecord},
    survey::{Exported, ExportedRecord, Survey, SurveyedGeneration, SurveyedLog},
};
use self::{
    disk::{Disk, LocalDisk, create_folder},
    generation::{Generation, numbers},
    recovery::FoundLog,
};
use crate::config::SpoolSync;

/// The largest segment; a small share has smaller ones.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// A share is made of at least so many segments.
const SEGMENTS_OF_SHARE: u64 = 16;
/// The interval at which generations of ended processes are looked for.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// The topic and subscription of a mapping.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogKey {
    pub(crate) topic: String,
    pub(crate) subscription: String,
}

/// A mapping that uses the spool.
#[derive(Debug, Clone)]
pub(crate) struct SpooledMapping {
    pub(crate) key: LogKey,
    /// Records of a partition are delivered in their order, so that older generations come first.
    pub(crate) is_ordered: bool,
}

/// How a spool is written. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Storage(Arc<StorageOptions>);

#[derive(Debug)]
struct StorageOptions {
    disk: Box<dyn Disk>,
    sync: SpoolSync,
    damaged: PathBuf,
    damaged_records: AtomicU64,
}

/// The spool of a connector.
pub(crate) struct Spool {
    root: PathBuf,
    own: Generation,
    storage: Storage,
    mappings: Vec<Arc<MappingSpool>>,
    /// Adopted generations, whose records are delivered.
    adopted: Mutex<Vec<Adopted>>,
    /// Why the generation of an ended process cannot be adopted now.
    failure: Mutex<Option<String>>,
}

/// A generation of a process that has ended.
struct Adopted {
    generation: Generation,
    logs: Vec<Arc<Log>>,
    /// It has records of mappings that are not configured.
    is_kept: bool,
}

impl Spool {
    /// Opens the spool of a connector, and adopts the generations of processes that have ended. Blocks.
    ///
    /// # Errors
    /// If the folder cannot be written, or has another version of the format.
    pub(crate) fn open(
        data_dir: &Path,
        connector: &str,
        max_bytes: u64,
        sync: SpoolSync,
        mappings: &[SpooledMapping],
    ) -> io::Result<Self> {
        Self::with_disk(data_dir, connector, max_bytes, sync, mappings, Box::new(LocalDisk))
    }

    fn with_disk(
        data_dir: &Path,
        connector: &str,
        max_bytes: u64,
        sync: SpoolSync,
        mappings: &[SpooledMapping],
        disk: Box<dyn Disk>,
    ) -> io::Result<Self> {
        let root = root_of(data_dir, connector);
        let own = Generation::begin(&root)?;
        let storage = Storage::new(&root, sync, disk);
        let share = max_bytes / mappings.len().max(1) as u64;
        let spool = |mapping| MappingSpool::new(mapping, &own, own.successors(&root), share, storage.clone());
        let mappings = mappings.iter().map(spool).map(Arc::new).collect();
        let spool = Self { root, own, storage, mappings, adopted: Mutex::default(), failure: Mutex::default() };
        spool.adopt(true)?;
        Ok(spool)
    }

    /// The spool of one mapping, which has to be one of those that it was opened with.
    pub(crate) fn mapping(&self, topic: &str, subscription: &str) -> Option<&Arc<MappingSpool>> {
        self.mappings.iter().find(|mapping| mapping.key.topic == topic && mapping.key.subscription == subscription)
    }

    /// The processes that began to spool after this one.
    pub(crate) fn successors(&self) -> Successors {
        self.own.successors(&self.root)
    }

    pub(crate) fn mappings(&self) -> &[Arc<MappingSpool>] {
        &self.mappings
    }

    /// Records that were lost because their files are damaged.
    pub(crate) fn damaged_records(&self) -> u64 {
        self.storage.0.damaged_records.load(Ordering::Relaxed)
    }

    /// Adopts generations whose processes end meanwhile, and removes those that are delivered. Never returns; dropping it
    /// loses nothing.
    pub(crate) async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            let spool = Arc::clone(&self);
            // A panic is reported by its hook.
            let _ = tokio::task::spawn_blocking(move || spool.adopt_later()).await;
        }
    }

    /// Adopts generations while the connector runs, and keeps the failure. Blocks.
    fn adopt_later(&self) {
        let failure = self.adopt(false).err().map(|error| {
            format!("the spool of an ended process cannot be adopted, its records are not delivered: {error}")
        });
        let mut before = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failure.as_ref().filter(|failure| before.as_ref() != Some(failure)) {
            tracing::warn!("{failure}");
        }
        *before = failure;
    }

    /// Why records of an ended process are not delivered; `None` where nothing hinders it.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adopts what can be adopted, and removes what is delivered. Blocks.
    fn adopt(&self, at_start: bool) -> io::Result<()> {
        let mut adopted = self.adopted.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<u64> = adopted.iter().map(|adopted| adopted.generation.number).collect();
        let (mut locked, mut remembered) = (None, BTreeMap::new());
        // In an ordered mapping, records of a later process are newer than what this one may still receive: its next
        // generation delivers them in their order.
        let is_ordered = self.mappings.iter().any(|mapping| mapping.is_ordered());
        let may_adopt = |number: u64| number < self.own.number || (number > self.own.number && !is_ordered);
        let is_new = |number: &u64| may_adopt(*number) && !known.contains(number);
        for number in numbers(&self.root)?.into_iter().filter(is_new) {
            match Generation::adopt(&self.root, number)? {
                Some(generation) => adopted.push(self.adopted(generation, &mut remembered)?),
                None => locked = locked.or(Some(number).filter(|number| *number < self.own.number)),
            }
        }
        if at_start {
            for ((key, topic), messages) in remembered {
                if let Some(mapping) = self.mapping(&key.topic, &key.subscription) {
                    mapping.begin(&topic, messages)?;
                }
            }
        }
        // A mapping whose target is down keeps its generation: the logs of others must not take their shares meanwhile.
        adopted.iter().flat_map(|adopted| &adopted.logs).filter(|log| log.is_drained()).for_each(|log| log.free());
        adopted.retain(|adopted| {
            adopted.is_kept || !adopted.logs.iter().all(|log| log.is_drained()) || {
                let removed = adopted.generation.remove();
                if let Err(error) = &removed {
                    tracing::warn!("{error}");
                }
                for mapping in &self.mappings {
                    mapping.forget(adopted.generation.number);
                }
                removed.is_err()
            }
        });
        for mapping in &self.mappings {
            mapping.set_locked(locked);
        }
        Ok(())
    }

    /// Reads an adopted generation. What it remembers of a partition is remembered behind what older ones do.
    fn adopted(
        &self,
        generation: Generation,
        remembered: &mut BTreeMap<(LogKey, Arc<str>), Vec<Remembered>>,
    ) -> io::Result<Adopted> {
        let (mut logs, mut is_kept) = (Vec::new(), false);
        // After an error, the next attempt must find none of them adopted.
        let mut found = Vec::new();
        for folder in generation.logs()? {
            match FoundLog::read(&folder) {
                Ok(Some(log)) => found.push((log, folder)),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    is_kept = true;
                    tracing::error!(
                        "{error}: the log is kept and not delivered; read what is left of it by `spool export`"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        for (found, folder) in found {
            let (topic, LogKey { topic: mapping, subscription }) = (Arc::clone(&found.topic), found.key.clone());
            let Some(mapping) = self.mapping(&mapping, &subscription) else {
                let (records, folder) = (found.unsettled(), folder.display());
                if records > 0 {
                    is_kept = true;
                    tracing::warn!(
                        %topic, subscription, records,
                        "{folder} has {records} records of a mapping that is not configured: they are kept; configure the \
                         mapping again to deliver them, or write them to a file by `spool export`"
                    );
                }
                continue;
            };
            remembered.entry((found.key.clone(), Arc::clone(&topic))).or_default().extend(found.remembered());
            if found.unsettled() > 0 {
                tracing::info!(%topic, subscription, records = found.unsettled(), "records of an ended process are delivered first");
            }
            let log = Arc::new(found.into_log(Arc::clone(&mapping.share), self.storage.clone()));
            mapping.add_older(generation.number, Arc::clone(&log));
            logs.push(log);
        }
        Ok(Adopted { generation, logs, is_kept })
    }

    /// Marks what is settled, and logs what is left. Blocks.
    pub(crate) fn close(&self) {
        for mapping in &self.mappings {
            mapping.close();
            mapping.log_left(&self.root);
        }
    }

    /// Measures the disk, as it is now. Blocks.
    ///
    /// # Errors
    /// If the disk takes no write.
    pub(crate) fn capacity(&self) -> io::Result<Capacity> {
        Capacity::measure(&self.root, self.storage.disk())
    }

    /// Returns once no record of a configured mapping is left, neither here nor with an older process that lives, and removes
    /// what is delivered. Needs [`watch`](Self::watch).
    pub(crate) async fn drained(self: Arc<Self>) {
        let is_left = |mapping: &Arc<MappingSpool>| mapping.share.records() > 0 || mapping.locked().is_some();
        while self.mappings.iter().any(is_left) {
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
        // What cannot be removed now is removed by the next start.
        let _ = tokio::task::spawn_blocking(move || self.adopt(false)).await;
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spool({})", self.own.folder.display())
    }
}

impl Storage {
    fn new(root: &Path, sync: SpoolSync, disk: Box<dyn Disk>) -> Self {
        Self(Arc::new(StorageOptions { disk, sync, damaged: damaged_of(root), damaged_records: AtomicU64::new(0) }))
    }

    fn disk(&self) -> &dyn Disk {
        &*self.0.disk
    }

    /// Whether each append waits until the disk has it.
    fn syncs(&self) -> bool {
        self.0.sync == SpoolSync::Always
    }

    fn segment_bytes(&self, share: u64) -> u64 {
        SEGMENT_BYTES.min(share / SEGMENTS_OF_SHARE)
    }

    fn damaged_records(&self, records: u64) {
        self.0.damaged_records.fetch_add(records, Ordering::Relaxed);
    }

    /// Copies a damaged file to where it stays.
    fn set_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let folder = &self.0.damaged;
        create_folder(folder)?;
        let parts: Vec<_> = path.iter().rev().take(3).map(|part| part.to_string_lossy()).collect();
        let copy = folder.join(parts.into_iter().rev().collect::<Vec<_>>().join("-"));
        if !copy.exists() {
            fs::copy(path, &copy)?;
        }
        Ok(copy)
    }
}

/// The folder of a connector's generations: its name, with other characters than letters, digits, `-` and `_` as `%` and their
/// bytes in hexadecimal digits, so that each name has a folder of its own.
fn root_of(data_dir: &Path, connector: &str) -> PathBuf {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    data_dir.join(connector.bytes().map(encoded).collect::<String>())
}

/// The folder of copies of damaged segments.
fn damaged_of(root: &Path) -> PathBuf {
    root.join("damaged")
}

/// A text as a part of a path.
fn safe(text: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    text.chars().take(100).map(safe).collect()
}

/// The time in microseconds since 1970.
pub(crate) fn now() -> u64 {
    micros(SystemTime::now())
}

fn micros(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
