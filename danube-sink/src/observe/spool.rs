//! Numbers of a mapping's spool.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::optional::Optional;

/// How much of a mapping is in the spool; unset without one.
#[derive(Debug, Default)]
pub(super) struct SpoolNumbers {
    pub(super) records: Optional,
    pub(super) bytes: Optional,
    /// When the oldest record was spooled, in microseconds since 1970; unset while the spool is empty.
    oldest: Optional,
}

impl SpoolNumbers {
    pub(super) fn set(&self, records: u64, bytes: u64, oldest: Option<u64>) {
        self.oldest.replace(oldest);
        self.bytes.set(bytes);
        self.records.set(records);
    }

    pub(super) fn clear(&self) {
        [&self.records, &self.bytes, &self.oldest].iter().for_each(|number| number.replace(None));
    }

    /// The age of the oldest record in seconds, 0 while the spool is empty; `None` without a spool.
    pub(super) fn oldest_seconds(&self) -> Option<f64> {
        self.records.get()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let oldest = self.oldest.get().map(Duration::from_micros);
        Some(oldest.map_or(0.0, |oldest| now.saturating_sub(oldest).as_secs_f64()))
    }

    /// Details for `/status`; null without a spool.
    pub(super) fn details(&self) -> Value {
        let Some(records) = self.records.get() else { return Value::Null };
        json!({ "records": records, "bytes": self.bytes.get(), "oldest_seconds": self.oldest_seconds() })
    }
}
