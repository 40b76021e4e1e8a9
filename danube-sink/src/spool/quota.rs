//! The quota of a mapping: its share of `spool_max_bytes`, so that a mapping whose target is down fills its own share only.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// The disk quota of one mapping, which all of its logs use.
#[derive(Debug)]
pub(crate) struct Quota {
    limit: u64,
    bytes: AtomicU64,
    /// Unsettled records.
    records: AtomicU64,
    freed: Notify,
}

impl Quota {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, bytes: AtomicU64::new(0), records: AtomicU64::new(0), freed: Notify::new() }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Whether so many bytes fit. The first frame of an append fits once nothing is unsettled, also one that is larger than the
    /// whole share.
    pub(super) fn fits(&self, bytes: u64, is_first: bool) -> bool {
        self.bytes() + bytes <= self.limit || (is_first && self.records() == 0)
    }

    pub(super) fn add(&self, bytes: u64, records: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn free(&self, bytes: u64, records: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.records.fetch_sub(records, Ordering::Relaxed);
        self.freed.notify_waiters();
    }

    /// Returns when records were settled, or files removed.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }
}
