//! Cursor of a subscription: the offset up to which everything is acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Cursor that moves over consecutive settled offsets: acknowledged, or given up by the poison policy.
///
/// ```text
///   settled   settled   in flight   settled
///      3         4          5          6
///                ▲ cursor
/// ```
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// The position from before the broker's last start.
    stored: Option<u64>,
    /// The first offset dispatched since then, and the first unsettled one.
    run: Option<Run>,
    /// Settled offsets behind an unsettled one.
    settled: BTreeSet<u64>,
    /// Skipped ranges of offsets, by start; empty if the cursor stops at a gap.
    gaps: BTreeMap<u64, u64>,
    stops_at_gap: bool,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    next: u64,
}

impl Cursor {
    pub(crate) fn new(stored: Option<u64>, stops_at_gap: bool) -> Self {
        Self { stored, stops_at_gap, ..Self::default() }
    }

    /// The cursor after a restart of the broker.
    pub(crate) fn restarted(&self) -> Self {
        Self::new(self.position(), self.stops_at_gap)
    }

    /// The last offset up to which everything is settled.
    pub(crate) fn position(&self) -> Option<u64> {
        self.moved_to().or(self.stored)
    }

    /// The same, or `None` if it has not moved since the broker started.
    pub(crate) fn moved_to(&self) -> Option<u64> {
        let run = self.run?;
        (run.next > run.first).then(|| run.next - 1)
    }

    /// Records that an offset entered the window.
    pub(crate) fn dispatched(&mut self, offset: u64) {
        self.run.get_or_insert(Run { first: offset, next: offset });
    }

    /// Records that an offset needs no further delivery.
    pub(crate) fn settle(&mut self, offset: u64) {
        self.dispatched(offset);
        self.settled.insert(offset);
        self.advance();
    }

    /// Records that offsets were skipped and will never be dispatched.
    pub(crate) fn skip(&mut self, offsets: Range<u64>) {
        if !self.stops_at_gap && self.run.is_some() {
            self.gaps.insert(offsets.start, offsets.end);
            self.advance();
        }
    }

    fn advance(&mut self) {
        let Some(run) = &mut self.run else { return };
        loop {
            if self.settled.remove(&run.next) {
                run.next += 1;
            } else if let Some(end) = self.gaps.remove(&run.next) {
                run.next = end;
            } else {
                return;
            }
        }
    }
}
