//! The memory budget of the process: `max_buffered_bytes`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use super::broker::CHUNK_BYTES;
use crate::observe::BufferedBytes;

/// Ledgers may use at most the budget divided by this for settled messages.
const REMEMBERED_PART: usize = 8;

/// The memory budget. Clones share it.
#[derive(Clone)]
pub(crate) struct Budget(Arc<State>);

struct State {
    limit: usize,
    /// Payloads and records.
    records: AtomicUsize,
    /// Ledgers.
    remembered: AtomicUsize,
    freed: Notify,
    gauge: BufferedBytes,
    /// What the gauge has of it.
    shown: AtomicUsize,
}

/// Memory charged to a [`Budget`]; dropping it frees it.
pub(crate) struct Charged {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize, gauge: BufferedBytes) -> Self {
        let [records, remembered, shown] = [const { AtomicUsize::new(0) }; 3];
        Self(Arc::new(State { limit: limit.max(1), records, remembered, freed: Notify::new(), gauge, shown }))
    }

    /// An empty charge, to be grown.
    pub(crate) fn nothing(&self) -> Charged {
        Charged { budget: self.clone(), bytes: 0 }
    }

    /// Whether so many bytes are free now. A message larger than the whole budget takes all of it.
    pub(crate) fn has_free(&self, bytes: usize) -> bool {
        let used = self.0.records.load(Ordering::Relaxed);
        used == 0 || used + bytes <= self.0.limit
    }

    /// Whether less than a quarter of the budget is free.
    pub(crate) fn is_scarce(&self) -> bool {
        !self.has_free(self.share(usize::MAX))
    }

    /// Waits until so many bytes are free; another task may take them first.
    pub(crate) async fn free(&self, bytes: usize) {
        loop {
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            // Registers before it checks, so that no change is missed in between.
            freed.as_mut().enable();
            if self.has_free(bytes) {
                return;
            }
            freed.await;
        }
    }

    /// Waits until a quarter of the budget is free, or `wanted` bytes if that is less.
    pub(crate) async fn eased(&self, wanted: usize) {
        self.free(self.share(wanted)).await;
    }

    /// What [`reserve`](Self::reserve) takes for a chunk.
    pub(crate) fn chunk_bytes(&self) -> usize {
        self.share(CHUNK_BYTES)
    }

    /// So many bytes, or a quarter of the budget if that is less.
    fn share(&self, wanted: usize) -> usize {
        wanted.min(self.0.limit / 4)
    }

    /// Reserves `wanted` bytes, or a quarter of the budget if that is less, once they are free.
    pub(crate) async fn reserve(&self, wanted: usize) -> Charged {
        let wanted = self.share(wanted);
        let mut charge = self.nothing();
        while !charge.grow(wanted) {
            self.free(wanted).await;
        }
        charge
    }

    /// Accounts for a ledger whose size changed.
    pub(crate) fn remember(&self, before: usize, after: usize) {
        if after > before {
            self.0.remembered.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.0.remembered.fetch_sub(before - after, Ordering::Relaxed);
        }
        self.show();
    }

    /// Whether ledgers have to forget settled messages, to make way for records.
    pub(crate) fn is_short(&self) -> bool {
        let remembered = self.0.remembered.load(Ordering::Relaxed);
        let used = self.0.records.load(Ordering::Relaxed) + remembered;
        remembered > self.0.limit / REMEMBERED_PART || used > self.0.limit
    }

    fn show(&self) {
        let State { records, remembered, gauge, shown, .. } = &*self.0;
        let now = records.load(Ordering::Relaxed) + remembered.load(Ordering::Relaxed);
        gauge.change(shown.swap(now, Ordering::Relaxed), now);
    }
}

impl Charged {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Charges more bytes, if they are free. Whether they were.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        self.grow_beside(0, bytes)
    }

    /// The same where so many bytes are reserved for it: with nothing else charged, it may take more than the whole budget.
    fn grow_beside(&mut self, reserved: usize, bytes: usize) -> bool {
        let State { limit, records, .. } = &*self.budget.0;
        let fits = |used: usize| (used == reserved || used + bytes <= *limit).then_some(used + bytes);
        let taken = records.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if taken {
            self.bytes += bytes;
        }
        taken
    }

    /// Charges more bytes, if those that are reserved and those that are free are enough. Whether they were.
    pub(crate) fn grow_with(&mut self, reserved: &mut Self, bytes: usize) -> bool {
        let moved = reserved.bytes.min(bytes);
        let fits = moved == bytes || self.grow_beside(reserved.bytes, bytes - moved);
        if fits {
            reserved.bytes -= moved;
            self.bytes += moved;
        }
        fits
    }

    /// Charges more bytes although none are free, for what has to be kept: a record that probes a failing target, or one that
    /// the broker has sent too often.
    pub(crate) fn overdraw(&mut self, bytes: usize) {
        self.budget.0.records.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }

    /// Updates the gauge of buffered bytes.
    pub(crate) fn show(&self) {
        self.budget.show();
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.0.records.fetch_sub(self.bytes, Ordering::Relaxed);
            self.budget.0.freed.notify_waiters();
            self.budget.show();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Observer;

    fn budget(limit: usize) -> Budget {
        Budget::new(limit, Observer::new("test").buffered_bytes())
    }

    #[test]
    fn what_is_dropped_is_free_again_and_a_large_message_takes_all() {
        let budget = budget(100);
        let (mut small, mut large) = (budget.nothing(), budget.nothing());
        assert!(small.grow(60) && small.grow(40));
        assert!(!large.grow(1));
        drop(small);
        assert!(large.grow(1_000), "nothing else is there");
        assert!(!budget.nothing().grow(1) && !budget.has_free(1));
        drop(large);
        assert!(budget.has_free(100));
    }

    #[test]
    fn what_is_reserved_is_charged_once() {
        let budget = budget(100);
        let (mut reserved, mut charge) = (budget.nothing(), budget.nothing());
        assert!(reserved.grow(60) && charge.grow_with(&mut reserved, 40) && charge.grow_with(&mut reserved, 50));
        assert!(reserved.is_empty() && !charge.grow_with(&mut reserved, 20));
        assert!(budget.has_free(10) && !budget.has_free(11));
        drop((reserved, charge));
        assert!(budget.has_free(100));
        let (mut reserved, mut charge) = (budget.nothing(), budget.nothing());
        assert!(reserved.grow(25) && charge.grow_with(&mut reserved, 1_000), "nothing else is there");
    }

    #[test]
    fn what_is_remembered_keeps_no_record_out_and_gives_way() {
        let budget = budget(800);
        budget.remember(0, 100);
        assert!(!budget.is_short());
        let mut records = budget.nothing();
        assert!(records.grow(800), "records come first");
        assert!(budget.is_short());
        budget.remember(100, 0);
        assert!(!budget.is_short());
        drop(records);
        budget.remember(0, 101);
        assert!(budget.is_short(), "an eighth is the most");
    }
}
