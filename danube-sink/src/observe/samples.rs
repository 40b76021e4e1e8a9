//! Encoding of metrics as OpenMetrics samples.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::{
    numbers::{ByLabel, Number},
    optional::Optional,
};

/// Definition of a metric of `T`, named without the prefix `danube_sink_` and a counter's suffix `_total`.
pub(super) struct Metric<T> {
    pub(super) name: &'static str,
    pub(super) kind: MetricType,
    /// Further labels, besides those of `T`.
    #[cfg_attr(not(test), allow(dead_code, reason = "a test compares it with what metrics.md documents"))]
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
    pub(super) write: fn(&T, &mut Samples<'_, '_>) -> fmt::Result,
}

/// Name and value of a label.
pub(super) type Label<'a> = (&'static str, &'a str);

/// Encoder of the samples of one metric, with the labels of their source.
pub(super) struct Samples<'a, 'e> {
    encoder: &'a mut MetricEncoder<'e>,
    labels: Vec<Label<'a>>,
}

impl Samples<'_, '_> {
    pub(super) fn counter(&mut self, number: &Number) -> fmt::Result {
        self.count(&[], number.get())
    }

    pub(super) fn count(&mut self, more: &[Label<'_>], count: u64) -> fmt::Result {
        let labels = [&self.labels, more].concat();
        self.encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&count, None)
    }

    pub(super) fn by_label<const N: usize>(
        &mut self,
        label: &'static str,
        values: [&'static str; N],
        by: &ByLabel<N>,
    ) -> fmt::Result {
        values.iter().enumerate().try_for_each(|(index, value)| self.count(&[(label, value)], by.of(index).get()))
    }

    pub(super) fn number(&mut self, number: u64) -> fmt::Result {
        self.gauge(&number)
    }

    pub(super) fn optional(&mut self, number: &Optional) -> fmt::Result {
        number.get().map_or(Ok(()), |number| self.gauge(&number))
    }

    pub(super) fn gauge(&mut self, value: &impl EncodeGaugeValue) -> fmt::Result {
        self.encoder.encode_family(&self.labels)?.encode_gauge(value)
    }

    pub(super) fn metric(&mut self, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.encoder.encode_family(&self.labels)?)
    }

    pub(super) fn info(&mut self, labels: &[Label<'_>]) -> fmt::Result {
        self.encoder.encode_info(&labels)
    }
}

/// Writes the metrics of all sources. Help and type of a metric are written even without a source.
pub(super) fn write<T>(
    metrics: &[Metric<T>],
    sources: &[(Vec<Label<'_>>, &T)],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    for metric in metrics {
        let mut encoder = encoder.encode_descriptor(metric.name, metric.help, None, metric.kind)?;
        for (labels, source) in sources {
            (metric.write)(source, &mut Samples { encoder: &mut encoder, labels: labels.clone() })?;
        }
    }
    Ok(())
}
