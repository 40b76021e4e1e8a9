//! The plan of a batch: which records are to be written, and into which objects.

use std::{collections::HashMap, sync::Arc};

use danube_sink::prelude::*;

use super::{journals::Journals, offsets::Offsets, path};

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
pub(crate) fn is_recognizable(record: &SinkRecord, order: SubscriptionType) -> bool {
    matches!(order, SubscriptionType::Exclusive | SubscriptionType::Failover)
        && record.offset() > 0
        && record.id().producer_id() != 0
}

/// What the records of an object have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key<'r> {
    topic: &'r str,
    group: &'r Arc<str>,
    epoch: Option<usize>,
    has_offset: bool,
}

/// Divides records into objects, each record with its destination. Those that are in an object of the store already are left out.
pub(crate) fn parts<'r>(
    records: &'r [SinkRecord],
    destinations: impl IntoIterator<Item = &'r Destination>,
    order: SubscriptionType,
    journals: &mut Journals,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut numbers = HashMap::new();
    // Most records are in the object of the one before.
    let mut last: Option<(Key<'r>, usize)> = None;
    for (record, destination) in records.iter().zip(destinations) {
        let (topic, offset) = (record.id().topic(), record.offset());
        let mut journal = if is_recognizable(record, order) { journals.get_mut(topic) } else { None };
        let epoch = journal.as_mut().map(|journal| journal.epoch_of(record.id().producer_id(), offset));
        if let Some((journal, epoch)) = journal.as_mut().zip(epoch)
            && journal.has(epoch, offset, &destination.group)
        {
            continue;
        }
        // Records without offsets are in objects of their own: their name is made of their ids.
        let key = Key { topic, group: &destination.group, epoch, has_offset: offset > 0 };
        let number = match last {
            Some((known, number)) if known == key => number,
            _ => *numbers.entry(key).or_insert_with(|| {
                let destination = destination.clone();
                let id = journal.zip(epoch).map_or("", |(journal, epoch)| journal.id(epoch)).to_owned();
                let (topic, offsets) = (topic.to_owned(), Offsets::default());
                parts.push(Part { topic, destination, epoch, id, records: Vec::new(), offsets });
                parts.len() - 1
            }),
        };
        last = Some((key, number));
        parts[number].records.push(record.clone());
        parts[number].offsets.insert(offset);
    }
    parts
}
