//! An open batch, and when it closes.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    cost::WriteCost,
    decided::Decision,
    outcome::Rejected,
    partition::{Backpressure, Partition},
    pending::{PendingRecords, PendingRun},
};
use crate::{config::MappingSettings, observe::Closed};

/// How long the broker is quiet, at least and in refills, when it has nothing more.
const QUIET: Duration = Duration::from_millis(2);
const QUIET_REFILLS: u32 = 4;

/// Records that are handed to the connector at once, and invalid ones between them.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) records: PendingRecords,
    /// Records that cannot be decoded, or were refused before.
    pub(crate) invalid: Vec<Rejected>,
    /// Records whose retries were exhausted before.
    pub(crate) exhausted: Vec<Rejected>,
    bytes: usize,
    partitions: Vec<Arc<Partition>>,
    opened: Option<Instant>,
    /// When the last record came that filled a window, or came after one that did.
    filled: Option<Instant>,
    /// Nothing more fits, for a reason of its own.
    closed: Option<Closed>,
}

impl Batch {
    pub(crate) fn push(&mut self, run: PendingRun) {
        self.bytes += run.entries().iter().map(|entry| entry.bytes.len()).sum::<usize>();
        self.came(&run);
        self.records.push(run);
    }

    pub(crate) fn push_invalid(&mut self, run: PendingRun, reason: String) {
        self.came(&run);
        self.invalid.push(Rejected { record: [run].into_iter().collect(), reason });
    }

    /// A record of which it was decided before that it goes no further.
    pub(crate) fn push_decided(&mut self, run: PendingRun, Decision { reason, is_exhausted }: Decision) {
        if !is_exhausted {
            return self.push_invalid(run, reason);
        }
        self.came(&run);
        self.exhausted.push(Rejected { record: [run].into_iter().collect(), reason });
    }

    fn came(&mut self, run: &PendingRun) {
        self.opened.get_or_insert(run.arrived);
        if run.filled_window || self.filled.is_some() {
            self.filled = Some(run.arrived);
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

    /// It takes no further record.
    pub(crate) fn close(&mut self, reason: Closed) {
        self.closed.get_or_insert(reason);
    }

    /// How many records and bytes it takes still; `None` if none.
    pub(crate) fn room(&self, limits: &MappingSettings) -> Option<(usize, usize)> {
        let records = limits.batch_size.saturating_sub(self.len());
        let bytes = limits.batch_bytes.saturating_sub(self.bytes);
        (records > 0 && bytes > 0 && self.closed.is_none()).then_some((records, bytes))
    }

    /// Why it takes no further record.
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

    /// When its flush interval is over.
    pub(crate) fn deadline(&self, limits: &MappingSettings) -> Option<Instant> {
        self.opened.map(|opened| opened + limits.flush_interval)
    }

    /// When the broker has nothing more, if it is quiet until then: a window was full, so that more would have come with the
    /// acknowledgements.
    pub(crate) fn quiet(&self) -> Option<Instant> {
        if self.partitions.iter().any(|partition| partition.is_acknowledging()) {
            return None;
        }
        let refill = self.partitions.iter().map(|partition| partition.refill()).max().unwrap_or_default();
        self.filled.map(|filled| filled + QUIET.max(refill * QUIET_REFILLS))
    }

    /// Whether waiting is pointless, since the broker sends no more before something is acknowledged.
    ///
    /// One partition that is held back is enough: another might fill the batch, but that one stands still until then.
    /// While acknowledgements are on their way more will come; what is there is written if a write of its own costs no more
    /// than the wait for that.
    pub(crate) fn is_held_back(&self, cost: &WriteCost) -> bool {
        self.partitions.iter().any(|partition| match partition.backpressure() {
            Backpressure::Certain => true,
            Backpressure::Acknowledging => cost.fixed().is_some_and(|fixed| fixed <= partition.refill()),
            Backpressure::None => false,
        })
    }

    /// Gives back what came from partitions that are detached, for the target of which the connector waits. Whether
    /// there was something.
    pub(crate) fn release_overdue(&mut self) -> bool {
        let before = self.len();
        if self.partitions.iter().any(|partition| partition.is_overdue()) {
            self.records.retain(|run| !run.partition.is_overdue());
            for rejected in [&mut self.invalid, &mut self.exhausted] {
                rejected.retain(|rejected| !rejected.is_overdue());
            }
            self.partitions.retain(|partition| !partition.is_overdue());
            let entries = self.records.runs().iter().flat_map(PendingRun::entries);
            self.bytes = entries.map(|entry| entry.bytes.len()).sum();
            if self.is_empty() {
                *self = Self::default();
            }
        }
        self.len() < before
    }
}
