//! Counters, gauges and histograms of mappings and partitions.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use super::{
    labels::{AttachReason, Closed, Stage},
    latency::LatencyHistogram,
    optional::Optional,
    spool::SpoolNumbers,
};

/// Counter or gauge, read and written without a lock.
#[derive(Debug, Default)]
pub(super) struct Number(AtomicU64);

impl Number {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: usize) {
        self.0.store(value as u64, Ordering::Relaxed);
    }

    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

/// Counters by the values of a label.
#[derive(Debug)]
pub(super) struct ByLabel<const N: usize>([Number; N]);

impl<const N: usize> Default for ByLabel<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Number::default()))
    }
}

impl<const N: usize> ByLabel<N> {
    /// The counter of a label value, given as a number below `N`.
    pub(super) fn of(&self, value: usize) -> &Number {
        &self.0[value]
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(Number::get).sum()
    }
}

/// Settled records that the target does not have.
#[cfg(feature = "dev")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Undelivered {
    pub(crate) skipped: u64,
    pub(crate) filtered: u64,
    pub(crate) dead_letters: u64,
}

#[cfg(feature = "dev")]
impl Undelivered {
    pub(crate) fn total(&self) -> u64 {
        self.skipped + self.filtered + self.dead_letters
    }
}

/// Numbers of one mapping.
#[derive(Debug)]
pub(super) struct MappingNumbers {
    pub(super) batch_records: Histogram,
    pub(super) batches: ByLabel<{ Closed::ALL.len() }>,
    pub(super) write_wait_seconds: LatencyHistogram,
    pub(super) write_seconds: LatencyHistogram,
    pub(super) retries: Number,
    pub(super) mass_refusals: Number,
    pub(super) settled: Number,
    pub(super) skipped: Number,
    pub(super) filtered: Number,
    pub(super) dead_letters: Number,
    pub(super) delivery_seconds: LatencyHistogram,
    pub(super) in_hand_seconds: LatencyHistogram,
    pub(super) spool: SpoolNumbers,
    pub(super) errors: Errors,
}

impl Default for MappingNumbers {
    fn default() -> Self {
        Self {
            batch_records: Histogram::new(exponential_buckets(1.0, 4.0, 8)),
            batches: ByLabel::default(),
            write_wait_seconds: LatencyHistogram::default(),
            write_seconds: LatencyHistogram::default(),
            retries: Number::default(),
            mass_refusals: Number::default(),
            settled: Number::default(),
            skipped: Number::default(),
            filtered: Number::default(),
            dead_letters: Number::default(),
            delivery_seconds: LatencyHistogram::default(),
            in_hand_seconds: LatencyHistogram::default(),
            spool: SpoolNumbers::default(),
            errors: Errors::default(),
        }
    }
}

/// Error counters by stage and kind. A known kind is counted under a read lock.
#[derive(Debug, Default)]
pub(super) struct Errors(RwLock<BTreeMap<(Stage, &'static str), Arc<Number>>>);

impl Errors {
    pub(super) fn add(&self, stage: Stage, kind: &'static str) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&(stage, kind)).cloned();
        let number = known.unwrap_or_else(|| {
            Arc::clone(self.0.write().unwrap_or_else(PoisonError::into_inner).entry((stage, kind)).or_default())
        });
        number.add(1);
    }

    pub(super) fn all(&self) -> Vec<(Stage, &'static str, u64)> {
        let errors = self.0.read().unwrap_or_else(PoisonError::into_inner);
        errors.iter().map(|(&(stage, kind), number)| (stage, kind, number.get())).collect()
    }

    pub(super) fn total(&self) -> u64 {
        self.all().iter().map(|(.., count)| count).sum()
    }
}

/// Numbers of one partition.
#[derive(Debug, Default)]
pub(super) struct PartitionNumbers {
    pub(super) received: Number,
    pub(super) redelivered: Number,
    /// Messages received for the first time, including those dropped for lack of memory. Unlike `received` less
    /// `redelivered`, it counts a message that was dropped and requested again once.
    pub(super) distinct: Number,
    /// `distinct` when the connection was first lost since the last check of the loss audit.
    pub(super) distinct_at_disconnect: Optional,
    pub(super) readers_ended: Number,
    pub(super) offsets: Offsets,
    pub(super) gap_messages: Number,
    pub(super) possible_losses: Number,
    pub(super) offset_restarts: Number,
    /// Whether offsets were passed over that may still arrive late.
    pub(super) uncertain_gap: Number,
    pub(super) in_hand: Number,
    pub(super) acks_in_flight: Number,
    pub(super) window_limit: Number,
    pub(super) acked: Number,
    pub(super) acks_failed: Number,
    pub(super) attaches: ByLabel<{ AttachReason::ALL.len() }>,
    /// Unset until the loss audit has checked.
    pub(super) audit_missing: Optional,
    /// Checks for which the loss audit read every broker's counters.
    pub(super) audit_checks: Number,
}

/// Range of received offsets since the process started or offsets restarted.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    pub(super) first: Optional,
    pub(super) last: Optional,
}

impl Offsets {
    pub(super) fn include(&self, first: u64, last: u64) {
        self.first.lower_to(first);
        self.last.raise_to(last);
    }

    pub(super) fn restart(&self) {
        self.first.clear();
        self.last.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_offsets_grows_and_restarts() {
        let offsets = Offsets::default();
        let range = || (offsets.first.get(), offsets.last.get());
        assert_eq!(range(), (None, None));
        offsets.include(5, 9);
        offsets.include(0, 3);
        assert_eq!(range(), (Some(0), Some(9)));
        offsets.restart();
        offsets.include(2, 2);
        assert_eq!(range(), (Some(2), Some(2)));
    }
}
