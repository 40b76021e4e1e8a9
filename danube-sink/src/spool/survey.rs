//! A survey of a connector's spool: what its folder has, whatever process wrote it.
//!
//! It changes nothing and holds no lock, so that it may be made while the connector runs. Files may then be removed between
//! two reads: their records are settled. What cannot be read hides nothing else.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    LogKey, SpoolSize,
    contents::Contents,
    damaged_of,
    disk::names,
    generation::{folder_of, is_locked, logs, numbers},
    recovery::FoundLog,
    root_of,
    segments::Segment,
    stored::StoredRecord,
};

/// How often a log is read anew of which files were removed meanwhile.
const READS: usize = 10;

/// The spool of a connector, as found on the disk.
pub(crate) struct Survey {
    /// The connector's folder in `data_dir`.
    pub(crate) folder: PathBuf,
    /// Oldest first.
    pub(crate) generations: Vec<SurveyedGeneration>,
    /// Copies of damaged segments.
    pub(crate) damaged: Vec<PathBuf>,
    /// Why the copies cannot be listed.
    pub(crate) unreadable: Vec<String>,
}

/// The folder of one process.
pub(crate) struct SurveyedGeneration {
    pub(crate) number: u64,
    /// Whether the process lives, or why that cannot be read.
    pub(crate) is_locked: Result<bool, String>,
    pub(crate) logs: Vec<SurveyedLog>,
    /// Why logs or segments cannot be read.
    pub(crate) unreadable: Vec<String>,
}

/// The log of one partition and subscription.
pub(crate) struct SurveyedLog {
    pub(crate) size: SpoolSize,
    found: FoundLog,
}

/// Records of a segment.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    pub(crate) records: Vec<ExportedRecord>,
    /// Records that cannot be read.
    pub(crate) unreadable: u64,
    /// Why the whole segment cannot be read.
    pub(crate) error: Option<io::Error>,
}

#[derive(Debug)]
pub(crate) struct ExportedRecord {
    pub(crate) record: StoredRecord,
    /// The checksum is wrong: something of the record is not as it was received.
    pub(crate) is_damaged: bool,
}

impl Survey {
    /// Surveys the spool of a connector; an empty one if there is none. Blocks.
    pub(crate) fn read(data_dir: &Path, connector: &str) -> io::Result<Self> {
        let folder = root_of(data_dir, connector);
        let generations = numbers(&folder)?.into_iter().map(|number| SurveyedGeneration::read(&folder, number));
        let (copies, mut unreadable) = (damaged_of(&folder), Vec::new());
        let names = readable(names(&copies), &mut unreadable).unwrap_or_default();
        let damaged = names.iter().map(|name| copies.join(name)).collect();
        Ok(Self { generations: generations.collect(), damaged, unreadable, folder })
    }

    /// The logs of all generations.
    pub(crate) fn logs(&self) -> impl Iterator<Item = &SurveyedLog> {
        self.generations.iter().flat_map(|generation| &generation.logs)
    }

    /// Unsettled records of all logs.
    pub(crate) fn records(&self) -> u64 {
        self.logs().map(|log| log.size.records).sum()
    }

    /// Bytes of the files of all logs.
    pub(crate) fn bytes(&self) -> u64 {
        self.logs().map(|log| log.size.bytes).sum()
    }

    /// Why records may be missing.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = &str> {
        let of_generations = self.generations.iter().flat_map(|generation| &generation.unreadable);
        of_generations.chain(&self.unreadable).map(String::as_str)
    }
}

impl SurveyedGeneration {
    fn read(root: &Path, number: u64) -> Self {
        let folder = folder_of(root, number);
        let mut unreadable = Vec::new();
        let is_locked = is_locked(&folder).map_err(|error| error.to_string());
        let folders = readable(logs(&folder), &mut unreadable).unwrap_or_default();
        let logs = folders.iter().filter_map(|log| SurveyedLog::read(log, &mut unreadable)).collect();
        Self { number, is_locked, logs, unreadable }
    }
}

impl SurveyedLog {
    /// `None` if there is none, or if it cannot be read.
    fn read(folder: &Path, unreadable: &mut Vec<String>) -> Option<Self> {
        let mut read = FoundLog::read(folder);
        for _ in 1..READS {
            match read {
                Err(error) if error.kind() == io::ErrorKind::NotFound => read = FoundLog::read(folder),
                _ => break,
            }
        }
        let found = match read {
            Ok(found) => found?,
            Err(_) => readable(FoundLog::readable(folder, unreadable), unreadable)??,
        };
        let (records, bytes) = (found.unsettled(), found.segments().bytes());
        let oldest = if records > 0 { readable(oldest(&found), unreadable).flatten() } else { None };
        Some(Self { size: SpoolSize { records, bytes, oldest }, found })
    }

    /// The topic and the subscription of its mapping.
    pub(crate) fn key(&self) -> &LogKey {
        &self.found.key
    }

    /// The partition's own topic name.
    pub(crate) fn topic(&self) -> &Arc<str> {
        &self.found.topic
    }

    /// Reads its unsettled records, a segment at a time. Blocks.
    pub(crate) fn export(&self) -> impl Iterator<Item = Exported> {
        self.found.segments().with_unsettled().map(|segment| self.of_segment(segment))
    }

    fn of_segment(&self, segment: &Segment) -> Exported {
        let settled = self.found.segments().settled();
        let unsettled = |range: Range<u64>| range.filter(|position| !settled.contains(*position)).count() as u64;
        let mut exported = Exported::default();
        let contents = match present(Contents::read(&segment.path)) {
            Ok(Some(contents)) => contents,
            Ok(None) => return exported,
            Err(error) => {
                let unreadable = self.found.segments().unsettled_of(segment);
                return Exported { unreadable, error: Some(error), ..exported };
            }
        };
        let mut next = segment.first;
        for found in contents.take_while(|found| found.frame.first < segment.end) {
            exported.unreadable += unsettled(next..found.frame.first);
            next = found.frame.end();
            match found.frame.batch().and_then(|batch| batch.stored(&self.found.topic, found.frame.first)) {
                Some(records) => {
                    let records = records.into_iter().filter(|record| !settled.contains(record.position));
                    exported.add(records, found.is_damaged);
                }
                None => exported.unreadable += unsettled(found.frame.first..next),
            }
        }
        exported.unreadable += unsettled(next..segment.end);
        exported
    }
}

impl Exported {
    /// Reads what a copy of a damaged segment has of the records that could not be delivered; the others were read from the
    /// segment itself. Returns their subscription, too. Blocks.
    pub(crate) fn of_copy(path: &Path) -> io::Result<Option<(String, Self)>> {
        let contents = Contents::read(path)?;
        let Some(start) = contents.start.clone() else { return Ok(None) };
        let (topic, mut next) = (start.topic.into(), contents.position());
        let mut exported = Self::default();
        for found in contents {
            exported.unreadable += found.frame.first.saturating_sub(next);
            next = found.frame.end();
            if found.is_damaged {
                let records = found.frame.batch().and_then(|batch| batch.stored(&topic, found.frame.first));
                exported.add(records.into_iter().flatten(), true);
            }
        }
        Ok(Some((start.subscription, exported)))
    }

    fn add(&mut self, records: impl Iterator<Item = StoredRecord>, is_damaged: bool) {
        self.records.extend(records.map(|record| ExportedRecord { record, is_damaged }));
    }
}

/// When the oldest unsettled record was spooled.
fn oldest(found: &FoundLog) -> io::Result<Option<u64>> {
    let low = found.segments().settled().low();
    let Some(segment) = found.segments().at(low) else { return Ok(None) };
    let Some(mut contents) = present(Contents::read(&segment.path))? else { return Ok(None) };
    let frame = contents.find(|found| found.frame.end() > low);
    Ok(frame.and_then(|found| found.frame.batch()).map(|batch| batch.spooled))
}

/// What was read; `None` after an error, which joins the others.
fn readable<T>(read: io::Result<T>, unreadable: &mut Vec<String>) -> Option<T> {
    read.map_err(|error| unreadable.push(error.to_string())).ok()
}

/// A file's contents; `None` if it was removed.
fn present<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}
