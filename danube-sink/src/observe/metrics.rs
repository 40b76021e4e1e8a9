//! Every metric of the framework: its name, its meaning, and where its value is. `metrics.md` documents the same list.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::{
    labels::{AttachReason, Closed},
    mapping::Mapping,
    numbers::{ByLabel, Number, Optional},
    partition::Partition,
    runtime_state::RuntimeState,
};

/// One metric of things of type `T`, without the prefix `danube_sink_` and a counter's suffix `_total`.
pub(super) struct Metric<T> {
    pub(super) name: &'static str,
    pub(super) kind: MetricType,
    /// Its labels beyond those of `T`.
    #[cfg_attr(not(test), allow(dead_code, reason = "a test compares it with what metrics.md documents"))]
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
    write: fn(&T, &mut Samples<'_, '_>) -> fmt::Result,
}

use MetricType::{Counter, Gauge, Histogram, Info};

/// Of the process.
pub(super) const RUNTIME: &[Metric<RuntimeState>] = &[
    Metric {
        name: "build",
        kind: Info,
        labels: &["version", "profile", "os", "arch"],
        help: "Version of danube-sink, and what it was built for",
        write: |_, samples| samples.info(&build()),
    },
    Metric {
        name: "buffered_bytes",
        kind: Gauge,
        labels: &[],
        help: "Bytes in memory that count against max_buffered_bytes",
        write: |runtime, samples| samples.number(runtime.buffered.get()),
    },
];

/// Of a mapping.
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
        help: "Batches by the reason that closed them",
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
        help: "Retries of batches, or of what was left of them",
        write: |mapping, samples| samples.counter(&mapping.numbers.retries),
    },
    Metric {
        name: "mass_refusals",
        kind: Counter,
        labels: &[],
        help: "Times that the target refused so many distinct records in a row that on_mass_refusal applied",
        write: |mapping, samples| samples.counter(&mapping.numbers.mass_refusals),
    },
    Metric {
        name: "settle_records",
        kind: Counter,
        labels: &[],
        help: "Records settled: delivered, skipped, or written to the dead-letter topic",
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
        name: "errors",
        kind: Counter,
        labels: &["stage", "kind"],
        help: "Errors by the stage where they happened and their kind",
        write: |mapping, samples| {
            for (stage, kind, count) in mapping.numbers.errors.all() {
                samples.count(&[("stage", stage.name()), ("kind", kind)], count)?;
            }
            Ok(())
        },
    },
];

/// Of a partition.
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
        help: "Messages received again: in hand or settled, and not written twice, or given back before",
        write: |partition, samples| samples.counter(&partition.numbers.redelivered),
    },
    Metric {
        name: "intake_first_offset",
        kind: Gauge,
        labels: &[],
        help: "Lowest offset received since the process started or offsets began anew",
        write: |partition, samples| samples.optional(&partition.numbers.offsets.first),
    },
    Metric {
        name: "intake_last_offset",
        kind: Gauge,
        labels: &[],
        help: "Highest offset received since the process started or offsets began anew",
        write: |partition, samples| samples.optional(&partition.numbers.offsets.last),
    },
    Metric {
        name: "intake_gap_messages",
        kind: Counter,
        labels: &[],
        help: "Messages that the broker skipped, as gaps in offsets show where this process is the only reader",
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
        help: "Times that offsets began anew because the broker had lost the topic's messages",
        write: |partition, samples| samples.counter(&partition.numbers.offset_restarts),
    },
    Metric {
        name: "audit_missing_messages",
        kind: Gauge,
        labels: &[],
        help: "Messages that the broker's own counters have and this process did not receive, at the last loss audit",
        write: |partition, samples| samples.optional(&partition.numbers.audit_missing),
    },
    Metric {
        name: "intake_readers_ended",
        kind: Counter,
        labels: &[],
        help: "Times that the broker stopped sending although the topic took messages, as the loss audit shows",
        write: |partition, samples| samples.counter(&partition.numbers.readers_ended),
    },
    Metric {
        name: "attaches",
        kind: Counter,
        labels: &["reason"],
        help: "Times that a consumer attached, by reason",
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
        help: "Unacknowledged messages that the broker is taken to allow before it sends no more",
        write: |partition, samples| samples.number(partition.numbers.window_limit.get()),
    },
    Metric {
        name: "acks_in_flight",
        kind: Gauge,
        labels: &[],
        help: "Acknowledgements that the broker has not answered",
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
        help: "Acknowledgements given up, whose messages the broker sends again",
        write: |partition, samples| samples.counter(&partition.numbers.acks_failed),
    },
];

type Label<'a> = (&'static str, &'a str);

/// Where the samples of one metric of one thing go, under that thing's labels.
struct Samples<'a, 'e> {
    encoder: &'a mut MetricEncoder<'e>,
    labels: Vec<Label<'a>>,
}

impl Samples<'_, '_> {
    fn counter(&mut self, number: &Number) -> fmt::Result {
        self.count(&[], number.get())
    }

    fn count(&mut self, more: &[Label<'_>], count: u64) -> fmt::Result {
        let labels = [&self.labels, more].concat();
        self.encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&count, None)
    }

    fn by_label<const N: usize>(
        &mut self,
        label: &'static str,
        values: [&'static str; N],
        by: &ByLabel<N>,
    ) -> fmt::Result {
        values.iter().enumerate().try_for_each(|(index, value)| self.count(&[(label, value)], by.of(index).get()))
    }

    fn number(&mut self, number: u64) -> fmt::Result {
        self.gauge(&number)
    }

    fn optional(&mut self, number: &Optional) -> fmt::Result {
        number.get().map_or(Ok(()), |number| self.gauge(&number))
    }

    fn gauge(&mut self, value: &impl EncodeGaugeValue) -> fmt::Result {
        self.encoder.encode_family(&self.labels)?.encode_gauge(value)
    }

    fn metric(&mut self, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.encoder.encode_family(&self.labels)?)
    }

    fn info(&mut self, labels: &[Label<'_>]) -> fmt::Result {
        self.encoder.encode_info(&labels)
    }
}

/// Writes each metric of each thing, each metric with its help and type also where there is no thing.
fn write<T>(
    metrics: &[Metric<T>],
    things: &[(Vec<Label<'_>>, &T)],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    for metric in metrics {
        let mut encoder = encoder.encode_descriptor(metric.name, metric.help, None, metric.kind)?;
        for (labels, thing) in things {
            (metric.write)(thing, &mut Samples { encoder: &mut encoder, labels: labels.clone() })?;
        }
    }
    Ok(())
}

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

impl super::mapping::SubscriptionKey {
    fn labels(&self) -> Vec<Label<'_>> {
        vec![("topic", &self.topic), ("subscription", &self.subscription), ("consumer", &self.consumer)]
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
