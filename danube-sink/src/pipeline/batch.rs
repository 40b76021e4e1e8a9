//! An open batch, and when it closes.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    cost::WriteCost,
    credit::refill_wait,
    decided::{Decision, Decisions},
    outcome::Rejected,
    partition::{Backpressure, Partition},
    pending::{PendingRecords, PendingRun},
};
use crate::{config::MappingSettings, observe::Closed};

/// A batch: records that are handed to the connector at once, and the invalid ones among them.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) records: PendingRecords,
    /// Records that cannot be decoded, or were refused earlier.
    pub(crate) invalid: Vec<Rejected>,
    /// Records whose retries were exhausted earlier.
    pub(crate) exhausted: Vec<Rejected>,
    bytes: usize,
    partitions: Vec<Arc<Partition>>,
    opened: Option<Instant>,
    /// When the last record arrived, if one of them is of a burst.
    burst: Option<Instant>,
    /// Why it closes before it is full.
    closed: Option<Closed>,
}

impl Batch {
    pub(crate) fn push(&mut self, run: PendingRun) {
        self.bytes += run.bytes();
        self.arrived(&run);
        self.records.push(run);
    }

    pub(crate) fn push_invalid(&mut self, run: PendingRun, reason: String) {
        self.arrived(&run);
        self.invalid.push(Rejected { record: run, reason });
    }

    /// Adds a record whose verdict was reached before it was redelivered.
    pub(crate) fn push_decided(&mut self, run: PendingRun, Decision { reason, is_exhausted }: Decision) {
        if !is_exhausted {
            return self.push_invalid(run, reason);
        }
        self.arrived(&run);
        self.exhausted.push(Rejected { record: run, reason });
    }

    fn arrived(&mut self, run: &PendingRun) {
        self.opened.get_or_insert(run.arrived);
        if run.is_burst || self.burst.is_some() {
            self.burst = Some(run.arrived);
        }
        if !self.partitions.iter().any(|known| Arc::ptr_eq(known, &run.partition)) {
            self.partitions.push(Arc::clone(&run.partition));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len() + self.invalid.len() + self.exhausted.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the records out, to be delivered, and opens the batch for the next ones.
    pub(crate) fn take(&mut self) -> Self {
        let mut partitions = std::mem::take(&mut self.partitions);
        partitions.clear();
        std::mem::replace(self, Self { partitions, ..Self::default() })
    }

    /// Closes the batch: it takes no further record.
    pub(crate) fn close(&mut self, reason: Closed) {
        self.closed.get_or_insert(reason);
    }

    /// The remaining capacity in records and bytes; `None` if the batch is full or closed.
    pub(crate) fn remaining(&self, limits: &MappingSettings) -> Option<(usize, usize)> {
        let records = limits.batch_size.saturating_sub(self.len());
        let bytes = limits.batch_bytes.saturating_sub(self.bytes);
        (records > 0 && bytes > 0 && self.closed.is_none()).then_some((records, bytes))
    }

    /// Why the batch takes no further record; `None` while it does.
    pub(crate) fn full(&self, limits: &MappingSettings) -> Option<Closed> {
        if self.closed.is_some() {
            self.closed
        } else if self.len() >= limits.batch_size {
            Some(Closed::Size)
        } else if self.bytes >= limits.batch_bytes {
            Some(Closed::Bytes)
        } else {
            None
        }
    }

    /// When the flush interval of the batch ends.
    pub(crate) fn deadline(&self, limits: &MappingSettings) -> Option<Instant> {
        self.opened.map(|opened| opened + limits.flush_interval)
    }

    /// When the broker counts as having nothing more, if no message arrives until then: a window was full, so that the
    /// acknowledgements would have brought more.
    pub(crate) fn refill_deadline(&self) -> Option<Instant> {
        if self.partitions.iter().any(|partition| partition.is_acknowledging()) {
            return None;
        }
        let refill = self.partitions.iter().map(|partition| partition.refill()).max().unwrap_or_default();
        self.burst.map(|last| last + refill_wait(refill))
    }

    /// Whether the broker holds back until something is acknowledged, so that waiting is pointless.
    ///
    /// One partition that is held back is enough: another might fill the batch, but that one stands still until then.
    /// While acknowledgements are in flight more will arrive; the batch is written if a write of its own costs no more than
    /// the wait for that.
    pub(crate) fn is_held_back(&self, cost: &WriteCost) -> bool {
        self.partitions.iter().any(|partition| match partition.backpressure() {
            Backpressure::Certain => true,
            Backpressure::Acknowledging => cost.fixed().is_some_and(|fixed| fixed <= partition.refill()),
            Backpressure::None => false,
        })
    }

    /// Gives back the records of some detached partitions. Verdicts on them are remembered.
    pub(crate) fn release(&mut self, decisions: &Decisions, goes_back: impl Fn(&Partition) -> bool) {
        if self.partitions.iter().any(|partition| goes_back(partition)) {
            self.records.release(&goes_back);
            decisions.release(&mut self.invalid, false, &goes_back);
            decisions.release(&mut self.exhausted, true, &goes_back);
            self.partitions.retain(|partition| !goes_back(partition));
            self.bytes = self.records.runs().iter().map(PendingRun::bytes).sum();
            if self.is_empty() {
                *self = Self::default();
            }
        }
    }
}
