//! The journal of a partition: which of its records are in objects of the store, so that each is written once.
//!
//! It is a small object beside the files, `_danube/SUBSCRIPTION/TOPIC.json`, and is written before the objects of a batch:
//!
//! ```text
//!  batch ──▶ drop what is written ─┬▶ journal: what will be written ─┬▶ objects ──▶ acknowledgement
//!                                  └▶ their content ─────────────────┘
//! ```
//!
//! It is announced again if records are rejected, for then other records are announced than written.
//!
//! An object store has the whole journal of each batch. A folder has it now and then, followed by a [`Line`] for each later batch, which
//! says what the batch changes: the file of a journal takes [lines](super::lines) in place, so that a batch waits for the disk once.
//!
//! After a crash, the objects that the journal announces exist, or they do not: a redelivered record is dropped if its object
//! exists, however batches are cut then. Offsets alone do not identify a record, since they restart when a broker loses its
//! storage. But then its producers get new ids: so an [`Epoch`] is the producers for whom offsets have one meaning.

use serde::{Deserialize, Serialize};

use super::{lines::Lines, offsets::Offsets};

/// The version of the format. Version 1 has the ends of each range of offsets.
const VERSION: u32 = 2;
/// How many epochs are remembered. A record of an earlier one is redelivered by no broker.
const EPOCHS: usize = 4;
/// How many producers of an epoch are remembered, beside those of the last batch.
const PRODUCERS: usize = 10_000;
/// How many ranges of written offsets of an epoch are remembered at least. Gaps are records that were filtered, skipped or rejected:
/// they may be delivered once more, by other settings, and are then to be written.
const RANGES: usize = 2_000;
/// How far behind the newest offset all ranges are remembered; those of the last batch are, too.
const BEHIND: u64 = 100_000;
/// How many interrupted batches of an epoch are remembered.
const INTERRUPTED: usize = 16;

/// The journal of a partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Journal {
    version: u32,
    epochs: Vec<Epoch>,
    /// What is to be said of the store's copy.
    #[serde(skip)]
    copy: Copied,
}

/// What the store's copy of a journal has.
#[derive(Debug, Clone, Default)]
struct Copied {
    /// Whether it has other epochs, which no line changes.
    has_other_epochs: bool,
    /// Whether it announces a batch that was not written.
    is_open: bool,
}

/// Records whose offsets have one meaning.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Epoch {
    /// What distinguishes its objects from those of another epoch.
    id: String,
    producers: Vec<u64>,
    /// The newest of them, which the store's copy does not have.
    #[serde(skip)]
    added: Vec<u64>,
    /// The highest offset.
    newest: u64,
    /// Offsets of records that are in objects.
    written: Offsets,
    /// The batch that is being written.
    #[serde(skip_serializing_if = "Option::is_none")]
    writing: Option<Announced>,
    /// Interrupted batches, with those of their objects that exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    interrupted: Vec<Announced>,
}

/// A batch, as it is announced before it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announced {
    pub(crate) offsets: Offsets,
    pub(crate) objects: Vec<AnnouncedObject>,
}

/// An object of a batch: it has the records of the batch that belong into its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnnouncedObject {
    pub(crate) name: String,
    pub(crate) group: String,
}

/// What a batch changes.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Whether the batch that was announced before was not written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    instead: bool,
    /// Of each epoch.
    epochs: Vec<Change>,
}

/// What a batch changes of an epoch.
#[derive(Debug, Serialize, Deserialize)]
struct Change {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    producers: Vec<u64>,
    newest: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    writing: Option<Announced>,
}

/// A text that is not the journal of this version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is damaged, or something else.
    NoJournal,
    /// A later version of the connector wrote it.
    Later(u32),
}

impl Default for Journal {
    fn default() -> Self {
        Self { version: VERSION, epochs: Vec::new(), copy: Copied::default() }
    }
}

impl Journal {
    pub(crate) fn parse(content: &[u8]) -> Result<Self, Unreadable> {
        let mut values = serde_json::Deserializer::from_slice(content).into_iter::<serde_json::Value>();
        let value = values.next().and_then(Result::ok).ok_or(Unreadable::NoJournal)?;
        match value["version"].as_u64().and_then(|version| version.try_into().ok()) {
            Some(1..=VERSION) => {}
            Some(version) if version > VERSION => return Err(Unreadable::Later(version)),
            _ => return Err(Unreadable::NoJournal),
        }
        let mut journal: Self = serde_json::from_value(value).map_err(|_| Unreadable::NoJournal)?;
        journal.version = VERSION;
        for line in Lines::read(&content[values.byte_offset()..]).ok_or(Unreadable::NoJournal)? {
            let line: Line = serde_json::from_slice(line).map_err(|_| Unreadable::NoJournal)?;
            journal.change(line)?;
        }
        Ok(journal)
    }

    fn change(&mut self, line: Line) -> Result<(), Unreadable> {
        if line.instead {
            self.withdraw()
        } else {
            self.written()
        }
        if line.epochs.len() != self.epochs.len() {
            return Err(Unreadable::NoJournal);
        }
        for (epoch, Change { producers, newest, writing }) in self.epochs.iter_mut().zip(line.epochs) {
            epoch.producers.extend(producers);
            (epoch.newest, epoch.writing) = (newest, writing);
        }
        Ok(())
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Maps with keys other than strings are the only error, and it has none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What the store's copy lacks, as a line after it; `None` if no line says it.
    pub(crate) fn line(&self) -> Option<Vec<u8>> {
        if self.copy.has_other_epochs || self.epochs.iter().any(|epoch| !epoch.interrupted.is_empty()) {
            return None;
        }
        let change = |epoch: &Epoch| Change {
            producers: epoch.added.clone(),
            newest: epoch.newest,
            writing: epoch.writing.clone(),
        };
        serde_json::to_vec(&Line { instead: self.copy.is_open, epochs: self.epochs.iter().map(change).collect() }).ok()
    }

    /// Notes that the store's copy has all of it.
    pub(crate) fn stored(&mut self) {
        self.copy = Copied { has_other_epochs: false, is_open: true };
        self.epochs.iter_mut().for_each(|epoch| epoch.added.clear());
    }

    /// Objects of batches that were being written, which exist or not.
    pub(crate) fn in_doubt(&self) -> Vec<String> {
        let announced = self.epochs.iter().filter_map(|epoch| epoch.writing.as_ref());
        announced.flat_map(|batch| &batch.objects).map(|object| object.name.clone()).collect()
    }

    /// Resolves the batches that were being written, and forgets what no broker redelivers: here, so that the journal stays small
    /// also if each process ends before it notes that they are written.
    pub(crate) fn resolve(&mut self, exists: impl Fn(&str) -> bool) {
        for epoch in &mut self.epochs {
            epoch.resolve(&exists);
        }
        let excess = self.epochs.len().saturating_sub(EPOCHS);
        self.epochs.drain(..excess);
        self.copy.has_other_epochs |= excess > 0;
    }

    /// Notes that all announced batches are written.
    pub(crate) fn written(&mut self) {
        // The copy announces a batch of which all records were rejected, too.
        if self.epochs.iter().any(|epoch| epoch.writing.is_some()) {
            self.copy.is_open = false;
        }
        self.resolve(|_| true);
    }

    /// The index of a record's epoch. A producer that is unknown belongs to the newest one if its offsets continue there, and begins an
    /// epoch if they restart.
    pub(crate) fn epoch_of(&mut self, producer: u64, offset: u64) -> usize {
        let known = self.epochs.iter().rposition(|epoch| epoch.producers.contains(&producer));
        let index = known.unwrap_or_else(|| {
            if self.epochs.last().is_none_or(|epoch| offset <= epoch.newest) {
                let id = format!("{:08x}", (producer ^ producer >> 32) & 0xffff_ffff);
                self.epochs.push(Epoch { id, ..Epoch::default() });
                self.copy.has_other_epochs = true;
            }
            let last = self.epochs.len() - 1;
            self.epochs[last].producers.push(producer);
            self.epochs[last].added.push(producer);
            last
        });
        self.reach(index, offset);
        index
    }

    /// Notes an offset of an epoch.
    pub(crate) fn reach(&mut self, epoch: usize, offset: u64) {
        if let Some(epoch) = self.epochs.get_mut(epoch) {
            epoch.newest = epoch.newest.max(offset);
        }
    }

    /// The id of an epoch.
    pub(crate) fn id(&self, epoch: usize) -> &str {
        self.epochs.get(epoch).map_or("", |epoch| &epoch.id)
    }

    /// Whether the record with this offset is in an object of its group.
    pub(crate) fn has(&mut self, epoch: usize, offset: u64, group: &str) -> bool {
        let Some(epoch) = self.epochs.get_mut(epoch) else { return false };
        let in_object = |batch: &Announced| {
            batch.offsets.contains(offset) && batch.objects.iter().any(|object| object.group == group)
        };
        let is_in_interrupted = epoch.interrupted.iter().any(in_object);
        if is_in_interrupted {
            epoch.written.insert(offset);
        }
        is_in_interrupted || epoch.written.contains(offset)
    }

    /// Takes back what was announced and not written.
    pub(crate) fn withdraw(&mut self) {
        self.epochs.iter_mut().for_each(|epoch| epoch.writing = None);
    }

    /// Announces the batch of an epoch.
    pub(crate) fn announce(&mut self, epoch: usize, batch: Announced) {
        if let Some(epoch) = self.epochs.get_mut(epoch) {
            epoch.writing = Some(batch);
        }
    }
}

impl Epoch {
    fn resolve(&mut self, exists: impl Fn(&str) -> bool) {
        let batch = self.writing.take();
        let extent = batch.as_ref().and_then(|batch| Some((batch.offsets.bounds()?.0, batch.offsets.len())));
        if let Some(Announced { offsets, mut objects }) = batch {
            let count = objects.len();
            objects.retain(|object| exists(&object.name));
            if objects.len() == count {
                self.written.extend(&offsets);
            } else if !objects.is_empty() {
                self.interrupted.push(Announced { offsets, objects });
            }
        }
        self.interrupted.retain(|batch| !self.written.has_all_of(&batch.offsets));
        self.interrupted.drain(..self.interrupted.len().saturating_sub(INTERRUPTED));
        match extent {
            Some((lowest, records)) => self.forget(lowest, records),
            // The last batch may be redelivered in smaller ones, of which nothing is announced: it is needed until the last of them.
            None => self.forget_rejected(),
        }
    }

    /// Forgets what no broker redelivers, but nothing of the last batch, of so many records since the offset `lowest`: the process may
    /// end before they are acknowledged.
    fn forget(&mut self, lowest: u64, records: usize) {
        // Each of its records may be of another producer, and so may be those that were rejected.
        let most = PRODUCERS.saturating_add(records);
        for producers in [&mut self.producers, &mut self.added] {
            producers.drain(..producers.len().saturating_sub(most));
        }
        let since = self.newest.saturating_sub(BEHIND).min(lowest);
        self.written.keep_newest(RANGES, since);
        // A batch with a rejected record stays interrupted, and while one is, no line is appended.
        self.interrupted.retain(|batch| batch.offsets.bounds().is_some_and(|(_, last)| last >= since));
    }

    /// Forgets producers whose records were all rejected.
    fn forget_rejected(&mut self) {
        let excess = self.added.len().saturating_sub(PRODUCERS);
        // The added ones are the last of all.
        let first = self.producers.len().saturating_sub(self.added.len());
        self.producers.drain(first..first + excess);
        self.added.drain(..excess);
    }
}

#[cfg(test)]
mod tests;
