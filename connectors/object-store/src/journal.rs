//! The journal of a partition: which of its records are in objects of the store, so that each is written once.
//!
//! It is a small object beside the files, `_danube/SUBSCRIPTION/TOPIC.json`, and is written before the objects of a batch:
//!
//! ```text
//!  batch ──▶ drop what is written ─┬▶ journal: what will be written ─┬▶ objects ──▶ acknowledgement
//!                                  └▶ their content ─────────────────┘
//! ```
//!
//! It is written again if records are rejected, for then other records are announced than written.
//!
//! After a crash, the objects that the journal announces exist, or they do not: a redelivered record is dropped if its object
//! exists, however batches are cut then. Offsets alone do not identify a record, since they restart when a broker loses its
//! storage. But then its producers get new ids: so an [`Epoch`] is the producers for whom offsets have one meaning.

use serde::{Deserialize, Serialize};

use super::offsets::Offsets;

/// The version of the format. Version 1 has the ends of each range of offsets.
const VERSION: u32 = 2;
/// How many epochs are remembered. A record of an earlier one is redelivered by no broker.
const EPOCHS: usize = 4;
/// How many producers of an epoch are remembered.
const PRODUCERS: usize = 10_000;
/// How many ranges of written offsets of an epoch are remembered at least. Gaps are records that were filtered, skipped or rejected:
/// they may be delivered once more, by other settings, and are then to be written.
const RANGES: usize = 2_000;
/// How far behind the newest offset all ranges are remembered.
const BEHIND: u64 = 100_000;
/// How many interrupted batches of an epoch are remembered.
const INTERRUPTED: usize = 16;

/// The journal of a partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Journal {
    version: u32,
    epochs: Vec<Epoch>,
}

/// Records whose offsets have one meaning.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Epoch {
    /// What distinguishes its objects from those of another epoch.
    id: String,
    producers: Vec<u64>,
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
        Self { version: VERSION, epochs: Vec::new() }
    }
}

impl Journal {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Unreadable> {
        let value: serde_json::Value = serde_json::from_slice(json).map_err(|_| Unreadable::NoJournal)?;
        match value["version"].as_u64().and_then(|version| version.try_into().ok()) {
            Some(1..=VERSION) => {
                let journal = serde_json::from_value(value).map_err(|_| Unreadable::NoJournal);
                journal.map(|journal| Self { version: VERSION, ..journal })
            }
            Some(version) if version > VERSION => Err(Unreadable::Later(version)),
            _ => Err(Unreadable::NoJournal),
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Maps with keys other than strings are the only error, and it has none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Objects of batches that were being written, which exist or not.
    pub(crate) fn in_doubt(&self) -> Vec<String> {
        let announced = self.epochs.iter().filter_map(|epoch| epoch.writing.as_ref());
        announced.flat_map(|batch| &batch.objects).map(|object| object.name.clone()).collect()
    }

    /// Resolves the batches that were being written. It also keeps the journal small, since instances that do not see each other
    /// resolve and never note that batches are written.
    pub(crate) fn resolve(&mut self, exists: impl Fn(&str) -> bool) {
        for epoch in &mut self.epochs {
            let Some(Announced { offsets, mut objects }) = epoch.writing.take() else { continue };
            let count = objects.len();
            objects.retain(|object| exists(&object.name));
            if objects.len() == count {
                epoch.written.extend(&offsets);
            } else if !objects.is_empty() {
                epoch.interrupted.push(Announced { offsets, objects });
            }
        }
        self.forget();
    }

    /// Notes that all announced batches are written.
    pub(crate) fn written(&mut self) {
        self.resolve(|_| true);
    }

    /// Forgets what no broker redelivers.
    fn forget(&mut self) {
        for epoch in &mut self.epochs {
            let Epoch { producers, written, interrupted, newest, .. } = epoch;
            interrupted.retain(|batch| !written.has_all_of(&batch.offsets));
            interrupted.drain(..interrupted.len().saturating_sub(INTERRUPTED));
            producers.drain(..producers.len().saturating_sub(PRODUCERS));
            written.keep_newest(RANGES, newest.saturating_sub(BEHIND));
        }
        let excess = self.epochs.len().saturating_sub(EPOCHS);
        self.epochs.drain(..excess);
    }

    /// The index of a record's epoch. A producer that is unknown belongs to the newest one if its offsets continue there, and begins an
    /// epoch if they restart.
    pub(crate) fn epoch_of(&mut self, producer: u64, offset: u64) -> usize {
        let known = self.epochs.iter().rposition(|epoch| epoch.producers.contains(&producer));
        let index = known.unwrap_or_else(|| {
            if self.epochs.last().is_none_or(|epoch| offset <= epoch.newest) {
                let id = format!("{:08x}", (producer ^ producer >> 32) & 0xffff_ffff);
                self.epochs.push(Epoch { id, ..Epoch::default() });
            }
            let last = self.epochs.len() - 1;
            self.epochs[last].producers.push(producer);
            last
        });
        let epoch = &mut self.epochs[index];
        epoch.newest = epoch.newest.max(offset);
        index
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

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str) -> AnnouncedObject {
        AnnouncedObject { name: name.to_owned(), group: name.to_owned() }
    }

    fn announced(offsets: impl IntoIterator<Item = u64>, objects: &[&str]) -> Announced {
        let objects = objects.iter().map(|name| object(name)).collect();
        Announced { offsets: offsets.into_iter().collect(), objects }
    }

    /// What another process reads.
    fn reopened(journal: &Journal, exists: impl Fn(&str) -> bool) -> Journal {
        let mut journal = Journal::parse(&journal.to_json()).unwrap();
        journal.resolve(exists);
        journal
    }

    #[test]
    fn records_of_an_object_that_exists_are_written() {
        let mut journal = Journal::default();
        for offset in 1..=10 {
            assert_eq!(journal.epoch_of(7, offset), 0);
        }
        journal.announce(0, announced(1..=10, &["a"]));
        assert_eq!(journal.in_doubt(), ["a"]);
        let mut before = reopened(&journal, |_| false);
        assert!((1..=10).all(|offset| !before.has(0, offset, "a")));
        let mut after = reopened(&journal, |_| true);
        assert!((1..=10).all(|offset| after.has(0, offset, "a")) && !after.has(0, 11, "a"));
        assert!(after.in_doubt().is_empty());
    }

    #[test]
    fn a_record_that_was_rejected_is_not_written() {
        let mut journal = Journal::default();
        (1..=10).for_each(|offset| assert_eq!(journal.epoch_of(7, offset), 0));
        journal.announce(0, announced((1..=10).filter(|offset| *offset != 6), &["a"]));
        let mut journal = reopened(&journal, |_| true);
        assert!(!journal.has(0, 6, "a") && journal.has(0, 7, "a"));
    }

    #[test]
    fn an_interrupted_batch_is_written_in_part_until_the_rest_is_written() {
        let mut journal = Journal::default();
        (1..=4).for_each(|offset| assert_eq!(journal.epoch_of(7, offset), 0));
        journal.announce(0, announced(1..=4, &["even", "odd"]));
        let mut journal = reopened(&journal, |name| name == "even");
        // The next batch is cut differently, and is interrupted too.
        assert!(!journal.has(0, 1, "odd") && journal.has(0, 2, "even"));
        journal.announce(0, announced([1], &["odd-1"]));
        let mut journal = reopened(&journal, |_| false);
        assert!(!journal.has(0, 1, "odd") && !journal.has(0, 3, "odd"));
        assert!(!journal.has(0, 4, "other") && journal.has(0, 2, "even") && journal.has(0, 4, "even"));
        journal.announce(0, announced([1, 3], &["odd-2"]));
        journal.written();
        assert!((1..=4).all(|offset| journal.has(0, offset, "any")));
        assert!(journal.epochs[0].interrupted.is_empty());
    }

    #[test]
    fn offsets_that_restart_begin_an_epoch() {
        let mut journal = Journal::default();
        (1..=9).for_each(|offset| assert_eq!(journal.epoch_of(7, offset), 0));
        assert_eq!(journal.epoch_of(8, 10), 0, "another producer continues");
        journal.announce(0, announced(1..=10, &["a"]));
        journal.written();
        assert_eq!(journal.epoch_of(9, 4), 1);
        assert_eq!(journal.epoch_of(10, 5), 1);
        assert!(!journal.has(1, 4, "a") && journal.has(0, 4, "a"));
        assert_ne!(journal.id(0), journal.id(1));
        // Redelivered from a spool.
        assert_eq!(journal.epoch_of(8, 10), 0);
        assert_eq!(journal.epoch_of(7, 11), 0);
    }

    #[test]
    fn the_journal_stays_small_in_one_process_and_between_processes() {
        stays_small(Journal::written);
        stays_small(|journal| *journal = reopened(journal, |_| true));
    }

    /// `written`: what follows a batch.
    fn stays_small(written: impl Fn(&mut Journal)) {
        let mut journal = Journal::default();
        for batch in 0..110_u64 {
            let offset_of = |number: u64| 2 * number + 1;
            let numbers = batch * 100..(batch + 1) * 100;
            numbers.clone().for_each(|number| assert_eq!(journal.epoch_of(number, offset_of(number)), 0));
            journal.announce(0, announced(numbers.map(offset_of), &["a"]));
            written(&mut journal);
        }
        let epoch = &journal.epochs[0];
        assert_eq!((journal.epochs.len(), epoch.producers.len(), epoch.interrupted.len()), (1, PRODUCERS, 0));
        assert!(journal.to_json().len() < 150_000, "{}", journal.to_json().len());
        // Where every second record is filtered, in batches of any size.
        for batch in 1..=20_u64 {
            let offsets = (batch * 20_000..(batch + 1) * 20_000).step_by(2);
            offsets.clone().for_each(|offset| assert_eq!(journal.epoch_of(1_000, offset), 0));
            journal.announce(0, announced(offsets, &["a"]));
            written(&mut journal);
        }
        let mut journal = reopened(&journal, |_| false);
        assert!((320_001..420_000).all(|offset| journal.has(0, offset, "a") == offset.is_multiple_of(2)));
        assert!(!journal.has(0, 100_000, "a") && journal.to_json().len() < 300_000, "{}", journal.to_json().len());
        for number in 0..9 {
            assert_ne!(journal.epoch_of(1 << 40 | number, 1), 0);
        }
        written(&mut journal);
        assert_eq!(journal.epochs.len(), EPOCHS);
    }

    #[test]
    fn a_journal_that_is_damaged_or_later_is_not_read() {
        for text in ["", "{}", "[]", r#"{"version":1}"#, r#"{"version":0,"epochs":[]}"#, r#"{"version":"1"}"#] {
            assert_eq!(Journal::parse(text.as_bytes()).unwrap_err(), Unreadable::NoJournal, "{text}");
        }
        assert_eq!(Journal::parse(br#"{"version":3}"#).unwrap_err(), Unreadable::Later(3));
        let first = br#"{"version":1,"epochs":[{"id":"a","producers":[7],"newest":9,"written":[[1,4],[6,9]]}]}"#;
        let mut first = Journal::parse(first).unwrap();
        assert!(first.has(0, 4, "a") && !first.has(0, 5, "a") && first.has(0, 6, "a"));
        assert!(Journal::parse(&Journal::default().to_json()).is_ok());
    }
}
