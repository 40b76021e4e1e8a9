//! What a connector tells of itself: metrics, health, logs. It watches the rooms; no room asks it anything.

mod logs;
mod metrics;
mod server;
mod status;

use std::{sync::Arc, time::Duration};

pub(crate) use self::{
    logs::start_logs,
    metrics::Closed,
    server::{Server, serve},
    status::Phase,
};
use self::{
    metrics::{LaneMetrics, Metrics},
    status::{Place, Status},
};
use crate::config::ConsumerConfig;

/// The numbers and the state of one runtime. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    metrics: Arc<Metrics>,
    status: Arc<Status>,
}

impl Observer {
    pub(crate) fn new(connector: &str) -> Self {
        Self { metrics: Arc::new(Metrics::new(connector)), status: Arc::new(Status::new(connector)) }
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.status.phase(phase);
    }

    /// What one mapping has to tell.
    pub(crate) fn lane(&self, consumer: &ConsumerConfig) -> LaneObserver {
        let observer = LaneObserver {
            subscription: consumer.subscription.clone(),
            consumer: consumer.consumer_name.clone(),
            metrics: self.metrics.lane(&consumer.topic, &consumer.subscription),
            status: Arc::clone(&self.status),
        };
        self.status.expect(observer.place(&consumer.topic));
        observer
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.status.is_ready()
    }

    pub(crate) async fn ready(&self) -> bool {
        self.status.ready().await
    }

    /// Records done for good, over all mappings.
    pub(crate) fn settled(&self) -> u64 {
        self.metrics.settled()
    }

    fn metrics_text(&self) -> String {
        self.metrics.text()
    }

    fn status_json(&self) -> serde_json::Value {
        self.status.json()
    }
}

/// The numbers and the state of one mapping.
#[derive(Debug)]
pub(crate) struct LaneObserver {
    subscription: String,
    consumer: String,
    metrics: LaneMetrics,
    status: Arc<Status>,
}

impl LaneObserver {
    /// A topic or partition is being read.
    pub(crate) fn up(&self, topic: &str) {
        if self.status.up(self.place(topic)) {
            tracing::info!(topic, subscription = %self.subscription, consumer = %self.consumer, "attached");
        }
    }

    /// A topic or partition is not being read, and why.
    pub(crate) fn down(&self, topic: &str, reason: &str) {
        if self.status.down(self.place(topic), reason) {
            tracing::warn!(topic, subscription = %self.subscription, consumer = %self.consumer, "not attached: {reason}");
        }
    }

    /// A topic or partition is being read, but what it brings cannot be written, and why.
    pub(crate) fn held_up(&self, topic: &str, reason: &str) {
        if self.status.down(self.place(topic), reason) {
            tracing::warn!(topic, subscription = %self.subscription, consumer = %self.consumer, "held up: {reason}");
        }
    }

    /// The topic is there: its state is told from now on by the partitions that are read here, which may be itself.
    pub(crate) fn found(&self, topic: &str, partitions: &[String]) {
        for partition in partitions {
            self.status.expect(self.place(partition));
        }
        if !partitions.iter().any(|partition| partition == topic) {
            self.status.forget(&self.place(topic));
        }
    }

    fn place(&self, topic: &str) -> Place {
        Place { topic: topic.to_owned(), subscription: self.subscription.clone(), consumer: self.consumer.clone() }
    }

    pub(crate) fn received(&self, again: bool) {
        self.metrics.received.inc();
        if again {
            self.metrics.redelivered.inc();
        }
    }

    pub(crate) fn gap(&self, messages: u64) {
        self.metrics.gaps.inc_by(messages);
    }

    pub(crate) fn batch(&self, records: usize, closed: Closed) {
        self.metrics.batch(records, closed);
    }

    pub(crate) fn tried(&self, took: Duration) {
        self.metrics.write_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn retry(&self) {
        self.metrics.retries.inc();
    }

    pub(crate) fn settled(&self, records: usize) {
        self.metrics.settled(records as u64);
    }

    pub(crate) fn acked(&self) {
        self.metrics.acked.inc();
    }

    pub(crate) fn ack_failed(&self) {
        self.metrics.acks_failed.inc();
    }

    pub(crate) fn skipped(&self) {
        self.metrics.skipped.inc();
    }

    pub(crate) fn dead_letter(&self) {
        self.metrics.dead_letters.inc();
    }
}
