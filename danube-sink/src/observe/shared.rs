//! State shared by all mappings and partitions of a runtime.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Notified of every change that may affect readiness.
    pub(super) changed: Notify,
    settled: AtomicU64,
}

impl Shared {
    pub(super) fn settle(&self, records: u64) {
        self.settled.fetch_add(records, Ordering::Relaxed);
    }

    /// Number of settled records of all mappings.
    pub(super) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Relaxed)
    }
}
