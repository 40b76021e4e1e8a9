//! The spool on a real disk, and on one that fails.

mod capacities;
mod disks;
mod generations;
mod logs;
#[cfg(target_os = "linux")]
mod mounts;
mod surveys;

use std::{
    collections::HashMap,
    env::temp_dir,
    fs,
    path::PathBuf,
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;

#[cfg(target_os = "linux")]
pub(crate) use self::mounts::Mount;
pub(crate) use self::{disks::stalled, surveys::with_unreadable_segment};
use super::{LogKey, MappingSpool, Reader, Spool, SpooledMapping, StoredRecord};
use crate::{
    config::SpoolSync,
    record::{Entry, Flag, MessageSource, RecordId},
};

pub(super) const TOPIC: &str = "/default/orders";

/// A folder of one test, which is removed at its end.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(temp_dir().join(format!("danube-sink-spool-{}-{number}", process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn ordered() -> SpooledMapping {
    SpooledMapping { key: LogKey { topic: TOPIC.to_owned(), subscription: "test".to_owned() }, is_ordered: true }
}

pub(super) fn open(folder: &Folder) -> Spool {
    Spool::open(&folder.0, "sink", 1 << 30, SpoolSync::Os, &[ordered()]).unwrap()
}

pub(super) fn mapping(spool: &Spool) -> &Arc<MappingSpool> {
    spool.mapping(TOPIC, "test").unwrap()
}

/// Messages with these offsets, of one producer.
pub(super) fn entries(offsets: std::ops::Range<u64>) -> Vec<Entry> {
    let source = Arc::new(MessageSource {
        producer: "shop".into(),
        producer_id: 7,
        broker_address: "http://one".into(),
        schema: Some((3, Some(1))),
        ..MessageSource::of_topic(TOPIC.into())
    });
    let entry = |offset: u64| Entry {
        id: RecordId::new(Arc::clone(&source), offset, 1_000 + offset, offset),
        position: offset,
        key: offset.is_multiple_of(2).then(|| format!("key {offset}")),
        attributes: offset.is_multiple_of(3).then(|| Box::new(HashMap::from([("n".to_owned(), offset.to_string())]))),
        bytes: Bytes::from(vec![u8::try_from(offset % 256).unwrap(); usize::try_from(offset % 300).unwrap()]),
        decoded: Default::default(),
        value: Default::default(),
        settled: Flag::default(),
    };
    offsets.map(entry).collect()
}

pub(super) fn append(spool: &Spool, offsets: std::ops::Range<u64>) {
    let entries = entries(offsets);
    let entries: Vec<&Entry> = entries.iter().collect();
    mapping(spool).log(&TOPIC.into()).unwrap().append(&entries, 20).unwrap();
}

/// Reads all that is unsettled, of every log, oldest generation first.
pub(super) fn read(spool: &Spool) -> Vec<StoredRecord> {
    mapping(spool).readable().into_iter().flat_map(|(_, log)| read_log(Reader::new(log))).collect()
}

/// Reads all that is unsettled of a log.
pub(super) fn read_log(mut reader: Reader) -> Vec<StoredRecord> {
    let mut records = Vec::new();
    loop {
        let chunk = reader.read().unwrap();
        if chunk.is_empty() {
            return records;
        }
        records.extend(chunk);
    }
}

pub(super) fn offsets(records: &[StoredRecord]) -> Vec<u64> {
    records.iter().map(|record| record.offset).collect()
}

/// The files of the folder with this ending.
pub(crate) fn files(folder: &Folder, ending: &str) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.0.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
