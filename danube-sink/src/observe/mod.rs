//! Observability of a connector: metrics, health, status and logs.
//!
//! ```text
//!  pipeline ──▶ Observer ─▶ MappingObserver ─▶ PartitionObserver      (atomics; a lock if a state changes)
//!                  ▲               ▲                  ▲
//!                  └───────────────┴──────────────────┴── /metrics /ready /live /status, at each request
//! ```
//!
//! The pipeline calls the observers, never the other way round. Every number is stored once, and both `/metrics` and
//! `/status` read it. `metrics.md`, the page of [`crate::metrics`], lists all metrics; a test compares it with the endpoint.

mod custom;
mod labels;
mod latency;
mod logs;
mod mapping;
mod metrics;
mod numbers;
mod optional;
mod partition;
mod progress;
mod runtime_state;
mod samples;
mod server;
mod shared;
mod spool;
mod subscription_key;
mod subscription_state;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::Value;

pub use self::custom::{ConfigMetrics, ConnectorMetrics, Counter, Gauge, Histogram};
#[cfg(test)]
pub(crate) use self::logs::tests::Lines;
#[cfg(feature = "dev")]
pub(crate) use self::numbers::Undelivered;
pub(crate) use self::{
    labels::{AttachReason, Closed, Half, Stage},
    latency::Latencies,
    logs::{level_variable, logs_errors, start_logs},
    mapping::MappingObserver,
    partition::{Intake, PartitionObserver},
    runtime_state::{BufferedBytes, Phase},
    server::{Server, serve},
};
use self::{runtime_state::RuntimeState, subscription_key::SubscriptionKey};
use crate::config::{ConnectorConfig, ConsumerConfig};

/// Observer of one runtime: its numbers and state. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    state: Arc<RuntimeState>,
    custom: ConnectorMetrics,
    registry: Arc<Registry>,
}

impl Observer {
    pub(crate) fn new(connector: &str) -> Self {
        let state = Arc::new(RuntimeState::new(connector));
        let custom = ConnectorMetrics::default();
        let labels = [("connector".into(), connector.to_owned().into())];
        let mut registry = Registry::with_prefix_and_labels("danube_sink", labels.into_iter());
        registry.register_collector(Box::new(Arc::clone(&state)));
        registry.sub_registry_with_prefix("connector").register_collector(Box::new(custom.clone()));
        Self { state, custom, registry: Arc::new(registry) }
    }

    /// Adds the registry of the connector's own metrics to its configuration: see [`ConfigMetrics`].
    pub(crate) fn with_metrics(&self, config: ConnectorConfig) -> ConnectorConfig {
        config.with_extension(self.custom.clone())
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.state.enter(phase);
    }

    /// Reports why the connector's `initialize` failed and is retried; `None` once it succeeded.
    pub(crate) fn start_failed(&self, reason: Option<String>) {
        self.state.start_failed(reason);
    }

    /// The observer of one mapping, identified by topic, subscription and consumer.
    ///
    /// The connector is not ready until the mapping's topic is found and each of its partitions is attached.
    pub(crate) fn mapping(&self, consumer: &ConsumerConfig) -> MappingObserver {
        MappingObserver(self.state.mapping(SubscriptionKey {
            topic: consumer.topic.clone(),
            subscription: consumer.subscription.clone(),
            consumer: consumer.consumer_name.clone(),
        }))
    }

    /// The gauge to which the memory budget reports its use.
    pub(crate) fn buffered_bytes(&self) -> BufferedBytes {
        self.state.buffered.clone()
    }

    /// Sets the number of records that were lost because files of the spool are damaged; `None` without a spool.
    pub(crate) fn spool_damaged(&self, records: Option<u64>) {
        self.state.spool_damaged.replace(records);
    }

    /// Reports why records in the spool are not delivered; `None` where nothing hinders it.
    pub(crate) fn spool_failed(&self, reason: Option<String>) {
        self.state.spool_failed(reason);
    }

    /// Whether every partition is attached, not blocked, and records are being delivered.
    pub(crate) fn is_ready(&self) -> bool {
        self.state.is_ready()
    }

    /// Waits until the connector is ready.
    pub(crate) async fn ready(&self) {
        self.state.ready().await;
    }

    /// Number of settled records of all mappings.
    pub(crate) fn settled(&self) -> u64 {
        self.state.shared.settled()
    }

    /// Waits until so many records are settled.
    pub(crate) async fn settled_at_least(&self, records: u64) {
        self.state.shared.settled_at_least(records).await;
    }

    /// Settled records of all mappings that the target does not have.
    #[cfg(feature = "dev")]
    pub(crate) fn undelivered(&self) -> Undelivered {
        self.state.mappings().iter().fold(Undelivered::default(), |sum, mapping| Undelivered {
            skipped: sum.skipped + mapping.numbers.skipped.get(),
            filtered: sum.filtered + mapping.numbers.filtered.get(),
            dead_letters: sum.dead_letters + mapping.numbers.dead_letters.get(),
        })
    }

    /// The response of `/ready`.
    pub(crate) fn readiness(&self) -> Value {
        self.state.readiness()
    }

    /// The response of `/status`.
    pub(crate) fn status(&self) -> Value {
        self.state.status()
    }

    /// The metrics in the OpenMetrics text format.
    pub(crate) fn metrics_text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
