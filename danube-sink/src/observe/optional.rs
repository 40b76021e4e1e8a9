//! A gauge that may be unset.

use std::sync::atomic::{AtomicU64, Ordering};

/// Gauge that may be unset: 0 if it is, otherwise one more than the value.
#[derive(Debug, Default)]
pub(super) struct Optional(AtomicU64);

impl Optional {
    pub(super) fn get(&self) -> Option<u64> {
        self.0.load(Ordering::Relaxed).checked_sub(1)
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value.saturating_add(1), Ordering::Relaxed);
    }

    /// Sets the value if it is unset.
    pub(super) fn set_first(&self, value: u64) {
        // It fails only if a value is set.
        let _ = self.0.compare_exchange(0, value.saturating_add(1), Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> Option<u64> {
        self.0.swap(0, Ordering::Relaxed).checked_sub(1)
    }

    /// Sets or unsets the value.
    pub(super) fn replace(&self, value: Option<u64>) {
        self.0.store(value.map_or(0, |value| value.saturating_add(1)), Ordering::Relaxed);
    }

    pub(super) fn clear(&self) {
        self.replace(None);
    }

    pub(super) fn raise_to(&self, value: u64) {
        self.0.fetch_max(value.saturating_add(1), Ordering::Relaxed);
    }

    pub(super) fn lower_to(&self, value: u64) {
        let value = value.saturating_add(1);
        // It fails only if the current value is smaller.
        let _ =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now == 0 || value < now).then_some(value));
    }
}
