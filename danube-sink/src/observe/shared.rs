//! State shared by all mappings and partitions of a runtime.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Notified of every change that may affect readiness.
    pub(super) changed: Notify,
    settled: AtomicU64,
    /// Notified of every change of `settled`.
    more_settled: Notify,
}

impl Shared {
    pub(super) fn settle(&self, records: u64) {
        self.settled.fetch_add(records, Ordering::Relaxed);
        self.more_settled.notify_waiters();
    }

    pub(super) async fn settled_at_least(&self, records: u64) {
        loop {
            let more = self.more_settled.notified();
            tokio::pin!(more);
            // Registers before the check, so that no change in between is missed.
            more.as_mut().enable();
            if self.settled() >= records {
                return;
            }
            more.await;
        }
    }

    /// Number of settled records of all mappings.
    pub(super) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Relaxed)
    }
}
