//! The cursor of a subscription: up to which offset everything is acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Moves over consecutive offsets that are settled: acknowledged, or given up by the poison policy.
///
/// ```text
///   settled   settled   in flight   settled
///      3         4          5          6
///                ▲ cursor
/// ```
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// From before the broker's last start.
    stored: Option<u64>,
    /// The first offset that was dispatched since then, and the first of those that is not settled.
    run: Option<Run>,
    /// Settled offsets behind one that is not.
    settled: BTreeSet<u64>,
    /// Skipped offsets, start to end; empty where the cursor stops at a gap.
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

    /// What a restart of the broker keeps.
    pub(crate) fn restarted(&self) -> Self {
        Self::new(self.position(), self.stops_at_gap)
    }

    /// The last offset up to which everything is settled.
    pub(crate) fn position(&self) -> Option<u64> {
        self.moved_to().or(self.stored)
    }

    /// The same, `None` where it has not moved since the broker started.
    pub(crate) fn moved_to(&self) -> Option<u64> {
        let run = self.run?;
        (run.next > run.first).then(|| run.next - 1)
    }

    /// Notices that an offset entered the window.
    pub(crate) fn dispatched(&mut self, offset: u64) {
        self.run.get_or_insert(Run { first: offset, next: offset });
    }

    /// Notices that an offset needs no further delivery.
    pub(crate) fn settle(&mut self, offset: u64) {
        self.dispatched(offset);
        self.settled.insert(offset);
        self.advance();
    }

    /// Notices that offsets were skipped and never will be dispatched.
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
