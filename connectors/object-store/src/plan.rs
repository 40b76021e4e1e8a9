//! The plan of a batch: which records are to be written, and into which objects.

use std::{collections::HashMap, mem, sync::Arc};

use danube_sink::{PartialFailure, prelude::*};
use danube_sink_arrow::store::reject_tombstone;

use super::{journal::Journal, journals::Journals, offsets::Offsets, path};

/// The records of one object, in order.
#[derive(Debug)]
pub(crate) struct Part {
    /// The topic or partition.
    pub(crate) topic: String,
    pub(crate) destination: Destination,
    /// The epoch in the journal; `None` for records that no journal knows.
    pub(crate) epoch: Option<usize>,
    /// What distinguishes its name: the id of the epoch, or of the records.
    pub(crate) id: String,
    pub(crate) records: Vec<SinkRecord>,
    pub(crate) offsets: Offsets,
}

impl Part {
    /// The name of its object; `None` without records.
    pub(crate) fn name(&self, subscription: &str, extension: &str) -> Option<String> {
        // The id of an epoch is that of many files: what is between the bounds makes it one of these records.
        let gaps = self.epoch.and_then(|_| self.offsets.gaps()).map_or_else(String::new, |gaps| format!("-{gaps:08x}"));
        let id = self.id.clone() + &gaps;
        let file = path::file(&self.topic, subscription, self.offsets.bounds()?, &id, extension);
        Some(path::join(&self.destination.folder, &file))
    }
}

/// Where a record goes.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) folder: Arc<str>,
    /// What distinguishes the objects of a batch, other than the topic: folder and version of the schema.
    pub(crate) group: Arc<str>,
}

/// Whether the journal can recognize a redelivered record. Without an order of the partition it cannot, nor without an offset, as
/// in topics that are not reliable, nor without a producer, since then nothing distinguishes offsets that restart.
fn is_recognizable(record: &SinkRecord, order: SubscriptionType) -> bool {
    matches!(order, SubscriptionType::Exclusive | SubscriptionType::Failover)
        && record.offset() > 0
        && record.id().producer_id() != 0
}

/// The journal of the records of a topic or partition, and the epochs of their producers.
struct Known<'j> {
    journal: &'j mut Journal,
    epochs: HashMap<u64, usize>,
    /// Most records are of the producer of the one before.
    last: Option<(u64, usize)>,
}

impl Known<'_> {
    /// The epoch of a record; `None` if it is in an object of its group.
    fn epoch_of_new(&mut self, record: &SinkRecord, group: &str) -> Option<usize> {
        let (producer, offset) = (record.id().producer_id(), record.offset());
        let known = self.last.filter(|(last, _)| *last == producer).map(|(_, epoch)| epoch);
        let epoch = match known.or_else(|| self.epochs.get(&producer).copied()) {
            Some(epoch) => {
                self.journal.reach(epoch, offset);
                epoch
            }
            None => self.journal.epoch_of(producer, offset),
        };
        if known.is_none() {
            self.epochs.insert(producer, epoch);
            self.last = Some((producer, epoch));
        }
        (!self.journal.has(epoch, offset, group)).then_some(epoch)
    }
}

/// What the records of an object have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key<'r> {
    topic: &'r str,
    group: &'r Arc<str>,
    epoch: Option<usize>,
    has_offset: bool,
}

/// Divides records into objects, each record with its destination. Those that are in an object of the store already are left out, and
/// tombstones are rejected.
///
/// # Errors
/// The topics and partitions whose journals have to be read before.
pub(crate) fn parts<'r>(
    records: &'r [SinkRecord],
    destinations: impl IntoIterator<Item = &'r Destination>,
    order: SubscriptionType,
    journals: &mut Journals<'_>,
) -> Result<(Vec<Part>, PartialFailure), Vec<&'r str>> {
    let (mut parts, mut unknown): (Vec<Part>, _) = (Vec::new(), Vec::new());
    let mut rejected = PartialFailure::default();
    let mut numbers = HashMap::new();
    let (mut topic, mut known) = ("", None);
    // Most records are in the object of the one before.
    let mut last: Option<(Key<'r>, usize)> = None;
    // Most batches have one object.
    let mut room = records.len();
    // One pass: records are read from memory each time.
    for (record, destination) in records.iter().zip(destinations) {
        if let Err(error) = reject_tombstone(record) {
            rejected.invalid(record, error.into_reason());
            continue;
        }
        if record.id().topic() != topic {
            topic = record.id().topic();
            known = journals.get_mut(topic).map(|journal| Known { journal, epochs: HashMap::new(), last: None });
        }
        let (epoch, id) = match &mut known {
            _ if !is_recognizable(record, order) => (None, ""),
            Some(known) => match known.epoch_of_new(record, &destination.group) {
                Some(epoch) => (Some(epoch), known.journal.id(epoch)),
                None => continue,
            },
            None => {
                if unknown.last() != Some(&topic) {
                    unknown.push(topic);
                }
                continue;
            }
        };
        // Records without offsets are in objects of their own: their name is made of their ids.
        let offset = record.offset();
        let key = Key { topic, group: &destination.group, epoch, has_offset: offset > 0 };
        let number = match last {
            Some((known, number)) if known == key => number,
            _ => *numbers.entry(key).or_insert_with(|| {
                let (topic, offsets) = (topic.to_owned(), Offsets::default());
                let (destination, id) = (destination.clone(), id.to_owned());
                let records = Vec::with_capacity(mem::take(&mut room));
                parts.push(Part { topic, destination, epoch, id, records, offsets });
                parts.len() - 1
            }),
        };
        last = Some((key, number));
        parts[number].records.push(record.clone());
        parts[number].offsets.insert(offset);
    }
    if unknown.is_empty() { Ok((parts, rejected)) } else { Err(unknown) }
}
