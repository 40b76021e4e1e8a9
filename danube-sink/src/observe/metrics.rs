//! All metrics of the framework: name, type, help and value. `metrics.md` documents the same list.

use std::fmt;

use prometheus_client::{
    encoding::DescriptorEncoder,
    metrics::MetricType::{Counter, Gauge, Histogram, Info},
};

use super::{
    labels::{AttachReason, Closed},
    mapping::Mapping,
    partition::Partition,
    runtime_state::RuntimeState,
    samples::{Label, Metric, write},
};

/// Metrics of the process.
pub(super) const RUNTIME: &[Metric<RuntimeState>] = &[
    Metric {
        name: "build",
        kind: Info,
        labels: &["version", "profile", "os", "arch"],
        help: "Version and build target of danube-sink",
        write: |_, samples| samples.info(&build()),
    },
    Metric {
        name: "buffered_bytes",
        kind: Gauge,
        labels: &[],
        help: "Bytes in memory that count against max_buffered_bytes",
        write: |runtime, samples| samples.number(runtime.buffered.get()),
    },
    Metric {
        name: "spool_damaged_records",
        kind: Counter,
        labels: &[],
        help: "Records that were acknowledged and are lost, because files of the spool are damaged",
        write: |runtime, samples| runtime.spool_damaged.get().map_or(Ok(()), |records| samples.count(&[], records)),
    },
];

/// Metrics of a mapping.
pub(super) const MAPPING: &[Metric<Mapping>] = &[
    Metric {
        name: "batch_records",
        kind: Histogram,
        labels: &[],
        help: "Records in a batch",
        write: |mapping, samples| samples.metric(&mapping.numbers.batch_records),
    },
    Metric {
        name: "batch_closed",
        kind: Counter,
        labels: &["reason"],
        help: "Batches by the reason for closing them",
        write: |mapping, samples| {
            samples.by_label("reason", Closed::ALL.map(|(_, name)| name), &mapping.numbers.batches)
        },
    },
    Metric {
        name: "write_wait_seconds",
        kind: Histogram,
        labels: &[],
        help: "Time that a batch waited for a connector instance",
        write: |mapping, samples| samples.metric(&mapping.numbers.write_wait_seconds),
    },
    Metric {
        name: "write_seconds",
        kind: Histogram,
        labels: &[],
        help: "Time of one write attempt, without the wait for a connector instance",
        write: |mapping, samples| samples.metric(&mapping.numbers.write_seconds),
    },
    Metric {
        name: "write_retries",
        kind: Counter,
        labels: &[],
        help: "Retries of batches, or of their remaining records",
        write: |mapping, samples| samples.counter(&mapping.numbers.retries),
    },
    Metric {
        name: "mass_refusals",
        kind: Counter,
        labels: &[],
        help: "Mass refusals: the target refused so many distinct records in a row that on_mass_refusal applied",
        write: |mapping, samples| samples.counter(&mapping.numbers.mass_refusals),
    },
    Metric {
        name: "settle_records",
        kind: Counter,
        labels: &[],
        help: "Records settled: delivered, skipped, filtered, or written to the dead-letter topic",
        write: |mapping, samples| samples.counter(&mapping.numbers.settled),
    },
    Metric {
        name: "settle_skipped",
        kind: Counter,
        labels: &[],
        help: "Invalid records skipped",
        write: |mapping, samples| samples.counter(&mapping.numbers.skipped),
    },
    Metric {
        name: "filtered_records",
        kind: Counter,
        labels: &[],
        help: "Records that the mapping's expression `where` did not keep",
        write: |mapping, samples| samples.counter(&mapping.numbers.filtered),
    },
    Metric {
        name: "settle_dead_letters",
        kind: Counter,
        labels: &[],
        help: "Dead letters that the broker accepted",
        write: |mapping, samples| samples.counter(&mapping.numbers.dead_letters),
    },
    Metric {
        name: "delivery_seconds",
        kind: Histogram,
        labels: &[],
        help: "Time of a record from its publish time, by the producer's clock, until it was settled",
        write: |mapping, samples| samples.metric(&mapping.numbers.delivery_seconds),
    },
    Metric {
        name: "in_hand_seconds",
        kind: Histogram,
        labels: &[],
        help: "Time of a record from when it was received until it was settled",
        write: |mapping, samples| samples.metric(&mapping.numbers.in_hand_seconds),
    },
    Metric {
        name: "spool_records",
        kind: Gauge,
        labels: &[],
        help: "Records in the spool that are not settled",
        write: |mapping, samples| samples.optional(&mapping.numbers.spool.records),
    },
    Metric {
        name: "spool_bytes",
        kind: Gauge,
        labels: &[],
        help: "Bytes of the mapping's files in the spool, which count against its share of spool_max_bytes",
        write: |mapping, samples| samples.optional(&mapping.numbers.spool.bytes),
    },
    Metric {
        name: "spool_oldest_seconds",
        kind: Gauge,
        labels: &[],
        help: "Time since the oldest record in the spool was spooled; 0 if the spool is empty",
        write: |mapping, samples| {
            mapping.numbers.spool.oldest_seconds().map_or(Ok(()), |seconds| samples.gauge(&seconds))
        },
    },
    Metric {
        name: "errors",
        kind: Counter,
        labels: &["stage", "kind"],
        help: "Errors by stage and kind",
        write: |mapping, samples| {
            for (stage, kind, count) in mapping.numbers.errors.all() {
                samples.count(&[("stage", stage.name()), ("kind", kind)], count)?;
            }
            Ok(())
        },
    },
];

/// Metrics of a partition.
pub(super) const PARTITION: &[Metric<Partition>] = &[
    Metric {
        name: "intake_messages",
        kind: Counter,
        labels: &[],
        help: "Messages received, redelivered ones included",
        write: |partition, samples| samples.counter(&partition.numbers.received),
    },
    Metric {
        name: "intake_redelivered",
        kind: Counter,
        labels: &[],
        help: "Messages received again: in hand or settled and not written twice, or released before",
        write: |partition, samples| samples.counter(&partition.numbers.redelivered),
    },
    Metric {
        name: "intake_first_offset",
        kind: Gauge,
        labels: &[],
        help: "Lowest offset received since the process started or offsets restarted",
        write: |partition, samples| samples.optional(&partition.numbers.offsets.first),
    },
    Metric {
        name: "intake_last_offset",
        kind: Gauge,
        labels: &[],
        help: "Highest offset received since the process started or offsets restarted",
        write: |partition, samples| samples.optional(&partition.numbers.offsets.last),
    },
    Metric {
        name: "intake_gap_messages",
        kind: Counter,
        labels: &[],
        help: "Messages that the broker skipped, from gaps in offsets if this process is the only consumer",
        write: |partition, samples| samples.counter(&partition.numbers.gap_messages),
    },
    Metric {
        name: "intake_possible_losses",
        kind: Counter,
        labels: &[],
        help: "Lost connections during which the broker may have lost messages",
        write: |partition, samples| samples.counter(&partition.numbers.possible_losses),
    },
    Metric {
        name: "intake_offset_restarts",
        kind: Counter,
        labels: &[],
        help: "Restarts of offsets, because the broker lost the topic's messages",
        write: |partition, samples| samples.counter(&partition.numbers.offset_restarts),
    },
    Metric {
        name: "audit_missing_messages",
        kind: Gauge,
        labels: &[],
        help: "Messages published according to the broker's counters and not received, at the last check of the loss audit",
        write: |partition, samples| samples.optional(&partition.numbers.audit_missing),
    },
    Metric {
        name: "intake_readers_ended",
        kind: Counter,
        labels: &[],
        help: "How often the broker stopped sending although messages were published, found by the loss audit",
        write: |partition, samples| samples.counter(&partition.numbers.readers_ended),
    },
    Metric {
        name: "attaches",
        kind: Counter,
        labels: &["reason"],
        help: "Attachments of consumers by reason",
        write: |partition, samples| {
            samples.by_label("reason", AttachReason::ALL.map(|(_, name)| name), &partition.numbers.attaches)
        },
    },
    Metric {
        name: "in_hand_records",
        kind: Gauge,
        labels: &[],
        help: "Records received and not settled",
        write: |partition, samples| samples.number(partition.numbers.in_hand.get()),
    },
    Metric {
        name: "window_limit",
        kind: Gauge,
        labels: &[],
        help: "Assumed limit of unacknowledged messages, at which the broker stops sending",
        write: |partition, samples| samples.number(partition.numbers.window_limit.get()),
    },
    Metric {
        name: "acks_in_flight",
        kind: Gauge,
        labels: &[],
        help: "Settled records whose acknowledgement is not confirmed yet, sent or not",
        write: |partition, samples| samples.number(partition.numbers.acks_in_flight.get()),
    },
    Metric {
        name: "settle_acks",
        kind: Counter,
        labels: &[],
        help: "Acknowledgements that the broker accepted",
        write: |partition, samples| samples.counter(&partition.numbers.acked),
    },
    Metric {
        name: "settle_acks_failed",
        kind: Counter,
        labels: &[],
        help: "Acknowledgements given up when a consumer was detached, whose messages the broker redelivers",
        write: |partition, samples| samples.counter(&partition.numbers.acks_failed),
    },
];

impl prometheus_client::collector::Collector for RuntimeState {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mappings = self.mappings();
        let partitions: Vec<_> = mappings.iter().flat_map(|mapping| mapping.partitions()).collect();
        let of_mappings: Vec<_> = mappings.iter().map(|mapping| (mapping.key.labels(), &**mapping)).collect();
        let of_partitions: Vec<_> = partitions
            .iter()
            .map(|partition| {
                let mut labels = partition.key.labels();
                labels.push(("partition", partition.topic.as_str()));
                (labels, &**partition)
            })
            .collect();
        write(RUNTIME, &[(Vec::new(), self)], &mut encoder)?;
        write(MAPPING, &of_mappings, &mut encoder)?;
        write(PARTITION, &of_partitions, &mut encoder)
    }
}

fn build() -> [Label<'static>; 4] {
    [
        ("version", env!("CARGO_PKG_VERSION")),
        ("profile", if cfg!(debug_assertions) { "debug" } else { "release" }),
        ("os", std::env::consts::OS),
        ("arch", std::env::consts::ARCH),
    ]
}
