//! An open batch and when it is full.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    lane::Held,
    partition::Partition,
    window::{QUIET, Room},
};
use crate::{config::MappingSettings, observe::Closed};

/// Room that a batch has from the start, at most: many never fill.
const RESERVED: usize = 1_024;

/// The records that are handed to the connector at once.
pub(crate) struct Batch {
    records: Vec<Held>,
    partitions: Vec<Arc<Partition>>,
    bytes: usize,
    opened: Instant,
    last: Instant,
}

impl Batch {
    pub(crate) fn open(first: Held, limits: &MappingSettings) -> Self {
        let arrival = first.place.arrival;
        let mut batch = Self {
            records: Vec::with_capacity(limits.batch_size.min(RESERVED)),
            partitions: Vec::new(),
            bytes: 0,
            opened: arrival,
            last: arrival,
        };
        batch.push(first);
        batch
    }

    pub(crate) fn push(&mut self, held: Held) {
        self.bytes += held.record.bytes().len();
        let partition = &held.place.partition;
        if !self.partitions.iter().any(|known| Arc::ptr_eq(known, partition)) {
            self.partitions.push(Arc::clone(partition));
        }
        self.last = held.place.arrival;
        self.records.push(held);
    }

    /// Whether it can take no further record.
    pub(crate) fn full(&self, limits: &MappingSettings) -> Option<Closed> {
        if self.records.len() >= limits.batch_size {
            Some(Closed::Size)
        } else if self.bytes >= limits.batch_bytes {
            Some(Closed::Bytes)
        } else {
            None
        }
    }

    /// When it is closed at the latest, and why; a time that has passed says now.
    ///
    /// One partition that is held back is enough: another might fill the batch, but that one stands still until then.
    pub(crate) fn deadline(&self, flush_interval: Duration) -> (Instant, Closed) {
        let flush = (self.opened + flush_interval, Closed::Time);
        let room = self.partitions.iter().map(|partition| partition.hands().window().room()).max();
        match room {
            Some(Room::Exhausted) => (self.last, Closed::Window),
            Some(Room::OpenUnlessQuiet) => flush.min((self.last + QUIET, Closed::Window)),
            _ => flush,
        }
    }

    pub(crate) fn into_records(self) -> Vec<Held> {
        self.records
    }
}
