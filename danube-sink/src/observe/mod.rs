//! What a connector reports of itself: metrics, health, status, logs.
//!
//! ```text
//!  pipeline ──▶ Observer ─▶ MappingObserver ─▶ PartitionObserver      (atomics; a lock where a state changes)
//!                  ▲               ▲                  ▲
//!                  └───────────────┴──────────────────┴── /metrics /ready /live /status, at each request
//! ```
//!
//! The pipeline calls it, and it never calls the pipeline. Every number is in one place, which both `/metrics` and `/status`
//! read. `metrics.md`, which is the page of [`crate::metrics`], lists all metrics; a test compares it with what is served.

mod custom;
mod labels;
mod latency;
mod logs;
mod mapping;
mod metrics;
mod numbers;
mod partition;
mod progress;
mod runtime_state;
mod server;
mod shared;
mod state;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use prometheus_client::{encoding::text::encode, registry::Registry};

pub use self::custom::{ConfigMetrics, ConnectorMetrics, Counter, Gauge, Histogram};
pub(crate) use self::{
    labels::{AttachReason, Closed, Stage},
    latency::Latencies,
    logs::start_logs,
    mapping::MappingObserver,
    partition::{Intake, PartitionObserver},
    runtime_state::{BufferedBytes, Phase},
    server::{Server, serve},
};
use self::{mapping::SubscriptionKey, runtime_state::RuntimeState};
use crate::config::{ConnectorConfig, ConsumerConfig};

/// The numbers and the state of one runtime. Clones share them.
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

    /// The configuration through which a connector registers metrics of its own: see [`ConfigMetrics`].
    pub(crate) fn with_metrics(&self, config: ConnectorConfig) -> ConnectorConfig {
        config.with_extension(self.custom.clone())
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.state.enter(phase);
    }

    /// The connector's `initialize` failed, and is called again; or did not.
    pub(crate) fn start_failed(&self, reason: Option<String>) {
        self.state.start_failed(reason);
    }

    /// The observer of one mapping: the same for the same topic, subscription and consumer.
    ///
    /// The connector is not ready before the mapping's topic is found and each of its partitions is attached.
    pub(crate) fn mapping(&self, consumer: &ConsumerConfig) -> MappingObserver {
        MappingObserver(self.state.mapping(SubscriptionKey {
            topic: consumer.topic.clone(),
            subscription: consumer.subscription.clone(),
            consumer: consumer.consumer_name.clone(),
        }))
    }

    /// Where the memory budget reports what it holds.
    pub(crate) fn buffered_bytes(&self) -> BufferedBytes {
        self.state.buffered.clone()
    }

    /// Whether every partition is attached, not blocked, and records are being delivered.
    pub(crate) fn is_ready(&self) -> bool {
        self.state.is_ready()
    }

    /// Returns `true` when it is ready, and `false` when it drains instead.
    pub(crate) async fn ready(&self) -> bool {
        self.state.ready().await
    }

    /// Records settled, over all mappings.
    pub(crate) fn settled(&self) -> u64 {
        self.state.shared.settled()
    }

    /// In the text format that Prometheus reads.
    pub(crate) fn metrics_text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
