//! State of a runtime: its phase and mappings, and the responses of `/ready`, `/live` and `/status`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use serde_json::{Value, json};

use super::{
    mapping::Mapping, optional::Optional, shared::Shared, subscription_key::SubscriptionKey,
    subscription_state::unix_seconds,
};

/// Phase of a connector's life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The connector's `initialize` is running.
    Starting,
    /// Records are delivered.
    Running,
    /// Records in hand are written, and no more are received.
    Draining,
    /// Another process took over, and this one waits for its end.
    Standby,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Standby => "standby",
        }
    }
}

/// Gauge of the metric `buffered_bytes`, set by the memory budget. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct BufferedBytes(Arc<AtomicU64>);

impl BufferedBytes {
    /// Changes the number of bytes that count against `max_buffered_bytes`, by what one budget had reported before.
    pub(crate) fn change(&self, before: usize, now: usize) {
        self.0.fetch_add((now as u64).wrapping_sub(before as u64), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why something does not work now, if it does not.
#[derive(Debug, Default)]
struct Reason(Mutex<Option<String>>);

impl Reason {
    /// Sets the reason, and returns the one before.
    fn replace(&self, reason: Option<String>) -> Option<String> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), reason)
    }

    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Debug)]
pub(super) struct RuntimeState {
    connector: String,
    started: SystemTime,
    phase: Mutex<Phase>,
    /// Why the last attempt of the connector's `initialize` failed.
    start_failure: Reason,
    /// Why records in the spool are not delivered.
    spool_failure: Reason,
    mappings: Mutex<BTreeMap<SubscriptionKey, Arc<Mapping>>>,
    pub(super) shared: Arc<Shared>,
    pub(super) buffered: BufferedBytes,
    /// Records lost to damaged files of the spool; unset without one.
    pub(super) spool_damaged: Optional,
}

impl RuntimeState {
    pub(super) fn new(connector: &str) -> Self {
        Self {
            connector: connector.to_owned(),
            started: SystemTime::now(),
            phase: Mutex::new(Phase::Starting),
            start_failure: Reason::default(),
            spool_failure: Reason::default(),
            mappings: Mutex::default(),
            shared: Arc::default(),
            buffered: BufferedBytes::default(),
            spool_damaged: Optional::default(),
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.shared.changed.notify_waiters();
    }

    pub(super) fn start_failed(&self, reason: Option<String>) {
        self.start_failure.replace(reason);
    }

    pub(super) fn spool_failed(&self, reason: Option<String>) {
        if self.spool_failure.replace(reason).is_some() {
            self.shared.changed.notify_waiters();
        }
    }

    /// The mapping with this key, created at the first call.
    pub(super) fn mapping(&self, key: SubscriptionKey) -> Arc<Mapping> {
        let mut mappings = self.locked();
        let mapping = mappings.entry(key).or_insert_with_key(|key| Arc::new(Mapping::new(key.clone(), &self.shared)));
        Arc::clone(mapping)
    }

    pub(super) fn mappings(&self) -> Vec<Arc<Mapping>> {
        self.locked().values().map(Arc::clone).collect()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.phase() == Phase::Running
            && self.spool_failure.get().is_none()
            && self.locked().values().all(|mapping| mapping.is_ready())
    }

    /// Waits until the connector is ready.
    pub(super) async fn ready(&self) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Registers before the check, so that no change in between is missed.
            changed.as_mut().enable();
            if self.is_ready() {
                return;
            }
            changed.await;
        }
    }

    /// The reason why the connector makes no progress; `None` if it is live.
    pub(super) fn stuck(&self) -> Option<String> {
        self.mappings().iter().find_map(|mapping| {
            let overrun = mapping.progress.overrun()?;
            let (elapsed, limit) = (overrun.elapsed.as_secs_f64(), overrun.limit.as_secs_f64());
            let SubscriptionKey { topic, subscription, .. } = &*mapping.key;
            Some(format!("a step of {topic} ({subscription}) has taken {elapsed:.1} s, and its limit is {limit:.1} s"))
        })
    }

    /// The response of `/ready`: the states of subscriptions.
    pub(super) fn readiness(&self) -> Value {
        let subscriptions: Vec<_> = self.mappings().iter().flat_map(|mapping| mapping.summaries()).collect();
        json!({
            "connector": self.connector,
            "ready": self.is_ready(),
            "phase": self.phase().name(),
            "start_failure": self.start_failure.get(),
            "spool_failure": self.spool_failure.get(),
            "subscriptions": subscriptions,
        })
    }

    /// The response of `/status`: states, numbers and last events of each mapping and partition.
    pub(super) fn status(&self) -> Value {
        let mappings: Vec<_> = self.mappings().iter().map(|mapping| mapping.details()).collect();
        json!({
            "connector": self.connector,
            "version": env!("CARGO_PKG_VERSION"),
            "started_unix_seconds": unix_seconds(self.started),
            "phase": self.phase().name(),
            "start_failure": self.start_failure.get(),
            "spool_failure": self.spool_failure.get(),
            "ready": self.is_ready(),
            "stuck": self.stuck(),
            "buffered_bytes": self.buffered.get(),
            "settled": self.shared.settled(),
            "spool_damaged_records": self.spool_damaged.get(),
            "mappings": mappings,
        })
    }

    fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<SubscriptionKey, Arc<Mapping>>> {
        self.mappings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
