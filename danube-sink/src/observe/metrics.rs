//! Every metric and its name.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// Why a batch was closed; a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelValue)]
pub(crate) enum Closed {
    /// `batch_size` records.
    Size,
    /// `batch_bytes` bytes.
    Bytes,
    /// `flush_interval_ms` since its first record.
    Time,
    /// The broker sends nothing more before something is acknowledged.
    Window,
    /// The connector shuts down.
    Drain,
    /// The next record cannot be decoded.
    Invalid,
    /// The schema of the next record cannot be looked up.
    Registry,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lane {
    topic: String,
    subscription: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneClosed {
    topic: String,
    subscription: String,
    reason: Closed,
}

type PerLane = Family<Lane, Counter>;
type Distribution = Family<Lane, Histogram, fn() -> Histogram>;

/// The metrics of one process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    received: PerLane,
    redelivered: PerLane,
    gaps: PerLane,
    batch_records: Distribution,
    batches: Family<LaneClosed, Counter>,
    write_seconds: Distribution,
    retries: PerLane,
    settled: PerLane,
    acked: PerLane,
    acks_failed: PerLane,
    skipped: PerLane,
    dead_letters: PerLane,
    all_settled: Arc<AtomicU64>,
}

/// The metrics of one mapping.
#[derive(Debug)]
pub(crate) struct LaneMetrics {
    lane: Lane,
    batches: Family<LaneClosed, Counter>,
    batch_records: Histogram,
    pub(crate) received: Counter,
    pub(crate) redelivered: Counter,
    pub(crate) gaps: Counter,
    pub(crate) write_seconds: Histogram,
    pub(crate) retries: Counter,
    settled: Counter,
    all_settled: Arc<AtomicU64>,
    pub(crate) acked: Counter,
    pub(crate) acks_failed: Counter,
    pub(crate) skipped: Counter,
    pub(crate) dead_letters: Counter,
}

impl Metrics {
    pub(crate) fn new(connector: &str) -> Self {
        let labels = [("connector".into(), connector.to_owned().into())];
        let mut metrics = Self {
            registry: Registry::with_prefix_and_labels("danube_sink", labels.into_iter()),
            received: Family::default(),
            redelivered: Family::default(),
            gaps: Family::default(),
            batch_records: Family::new_with_constructor(|| Histogram::new(exponential_buckets(1.0, 4.0, 8))),
            batches: Family::default(),
            write_seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 9))),
            retries: Family::default(),
            settled: Family::default(),
            acked: Family::default(),
            acks_failed: Family::default(),
            skipped: Family::default(),
            dead_letters: Family::default(),
            all_settled: Arc::default(),
        };
        metrics.name();
        metrics
    }

    fn name(&mut self) {
        let Self { registry, .. } = self;
        registry.register("intake_messages", "Messages received", self.received.clone());
        registry.register(
            "intake_redelivered",
            "Messages received again and not written twice",
            self.redelivered.clone(),
        );
        registry.register(
            "intake_gap_messages",
            "Messages that the broker skipped, as a lone consumer sees it",
            self.gaps.clone(),
        );
        registry.register("batch_records", "Records in a batch", self.batch_records.clone());
        registry.register("batch_closed", "Batches by the reason that closed them", self.batches.clone());
        registry.register("write_seconds", "Time of one try to write a batch", self.write_seconds.clone());
        registry.register("write_retries", "Batches that were handed over again", self.retries.clone());
        registry.register("settle_records", "Records done for good", self.settled.clone());
        registry.register("settle_acks", "Acknowledgements that the broker took", self.acked.clone());
        registry.register("settle_acks_failed", "Acknowledgements left for the redelivery", self.acks_failed.clone());
        registry.register("settle_skipped", "Invalid records skipped", self.skipped.clone());
        registry.register("settle_dead_letters", "Dead letters that the broker took", self.dead_letters.clone());
    }

    pub(crate) fn lane(&self, topic: &str, subscription: &str) -> LaneMetrics {
        let lane = Lane { topic: topic.to_owned(), subscription: subscription.to_owned() };
        let of = |family: &PerLane| family.get_or_create(&lane).clone();
        LaneMetrics {
            batches: self.batches.clone(),
            batch_records: self.batch_records.get_or_create(&lane).clone(),
            received: of(&self.received),
            redelivered: of(&self.redelivered),
            gaps: of(&self.gaps),
            write_seconds: self.write_seconds.get_or_create(&lane).clone(),
            retries: of(&self.retries),
            settled: of(&self.settled),
            all_settled: Arc::clone(&self.all_settled),
            acked: of(&self.acked),
            acks_failed: of(&self.acks_failed),
            skipped: of(&self.skipped),
            dead_letters: of(&self.dead_letters),
            lane,
        }
    }

    /// Records done for good, over all mappings.
    pub(crate) fn settled(&self) -> u64 {
        self.all_settled.load(Ordering::Relaxed)
    }

    /// In the text format that Prometheus reads.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl LaneMetrics {
    pub(crate) fn settled(&self, records: u64) {
        self.settled.inc_by(records);
        self.all_settled.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn batch(&self, records: usize, reason: Closed) {
        self.batch_records.observe(records as f64);
        let Lane { topic, subscription } = self.lane.clone();
        self.batches.get_or_create(&LaneClosed { topic, subscription, reason }).inc();
    }
}
