//! Metrics of a connector itself: counters, gauges and histograms that its author registers.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, histogram},
};

use crate::{
    config::ConnectorConfig,
    error::{ConnectorError, ConnectorResult},
};

/// Metrics for a connector: `config.metrics()` in `initialize`.
///
/// ```
/// use danube_sink::{metrics::Counter, prelude::*};
///
/// struct Files {
///     bytes: Counter,
/// }
///
/// impl Files {
///     fn open(config: &ConnectorConfig) -> ConnectorResult<Self> {
///         let metrics = config.metrics();
///         // On /metrics: danube_sink_connector_file_bytes_total{connector="…"} 0
///         Ok(Self { bytes: metrics.counter("file_bytes", "Bytes written to files")? })
///     }
///
///     fn wrote(&self, bytes: usize) {
///         self.bytes.add(bytes as u64);
///     }
/// }
///
/// let files = Files::open(&ConnectorConfig::new("http://localhost:6650", "files"))?;
/// files.wrote(17);
/// assert_eq!(files.bytes.get(), 17);
/// # Ok::<(), ConnectorError>(())
/// ```
pub trait ConfigMetrics {
    /// The registry of the connector's own metrics, which `/metrics` serves with those of the framework.
    ///
    /// A configuration that does not come from a [`SinkRuntime`](crate::SinkRuntime), as in a unit test, has an empty registry
    /// that is not served.
    fn metrics(&self) -> ConnectorMetrics;
}

impl ConfigMetrics for ConnectorConfig {
    fn metrics(&self) -> ConnectorMetrics {
        self.extension::<ConnectorMetrics>().map(|metrics| (*metrics).clone()).unwrap_or_default()
    }
}

/// Registry of a connector's own metrics, from [`ConfigMetrics::metrics`]. Clones share it.
///
/// Names get the prefix `danube_sink_connector_`, and each metric the label `connector`. Registering the same name and labels
/// again returns the same metric, so that all `tasks` count together.
#[derive(Debug, Clone, Default)]
pub struct ConnectorMetrics {
    families: Arc<Mutex<BTreeMap<String, Family>>>,
    labels: Labels,
}

/// Labels, sorted so that their order does not matter.
type Labels = BTreeMap<String, String>;

#[derive(Debug)]
struct Family {
    help: String,
    metrics: BTreeMap<Labels, Metric>,
}

#[derive(Debug, Clone)]
enum Metric {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// Counter: a count that only rises. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

/// Gauge: a value that rises and falls. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicU64>);

/// Histogram: a distribution of values, counted by upper bounds. Clones share it.
#[derive(Debug, Clone)]
pub struct Histogram(histogram::Histogram);

impl ConnectorMetrics {
    /// Adds a label to the metrics that are registered through the returned registry. Use labels with few values, such as
    /// tables, not keys.
    ///
    /// ```
    /// # use danube_sink::prelude::*;
    /// # let metrics = ConnectorConfig::new("http://localhost:6650", "lake").metrics();
    /// // danube_sink_connector_rows_total{table="users"}
    /// let users = metrics.labelled("table", "users").counter("rows", "Rows written")?;
    /// # users.add(1);
    /// # Ok::<(), ConnectorError>(())
    /// ```
    #[must_use]
    pub fn labelled(&self, label: impl Into<String>, value: impl Into<String>) -> Self {
        let mut labelled = self.clone();
        labelled.labels.insert(label.into(), value.into());
        labelled
    }

    /// Registers a counter. Its name on `/metrics` ends in `_total`.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if `name` or a label is not a metric name in lower snake case, or if the name is
    /// registered for another metric type.
    pub fn counter(&self, name: &str, help: &str) -> ConnectorResult<Counter> {
        match self.register(name, help, || Metric::Counter(Counter::default()))? {
            Metric::Counter(counter) => Ok(counter),
            other => Err(other.taken(name)),
        }
    }

    /// Registers a gauge, which is 0 until it is set.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    pub fn gauge(&self, name: &str, help: &str) -> ConnectorResult<Gauge> {
        match self.register(name, help, || Metric::Gauge(Gauge::default()))? {
            Metric::Gauge(gauge) => Ok(gauge),
            other => Err(other.taken(name)),
        }
    }

    /// Registers a histogram with these upper bounds in ascending order. `+Inf` is added.
    ///
    /// # Errors
    /// As [`counter`](Self::counter), and if the bounds are not ascending.
    pub fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> ConnectorResult<Histogram> {
        if !bounds.is_sorted_by(|lower, upper| lower < upper) || bounds.iter().any(|bound| !bound.is_finite()) {
            return Err(ConnectorError::configuration(format!(
                "the bounds of the histogram {name:?} are not ascending"
            )));
        }
        let new = || Metric::Histogram(Histogram(histogram::Histogram::new(bounds.iter().copied())));
        match self.register(name, help, new)? {
            Metric::Histogram(histogram) => Ok(histogram),
            other => Err(other.taken(name)),
        }
    }

    fn register(&self, name: &str, help: &str, new: impl FnOnce() -> Metric) -> ConnectorResult<Metric> {
        let invalid_label =
            self.labels.keys().find(|label| !is_name(label) || ["connector", "le"].contains(&label.as_str()));
        if let Some(invalid) = invalid_label.map(String::as_str).or_else(|| (!is_name(name)).then_some(name)) {
            return Err(ConnectorError::configuration(format!(
                "{invalid:?} is not a valid name of a metric or label: use lower snake case, such as \"file_bytes\", without \
                 \"_total\", which is added; the labels \"connector\" and \"le\" are reserved"
            )));
        }
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let family = match families.entry(name.to_owned()) {
            Entry::Vacant(entry) => {
                let metric = new();
                let metrics = BTreeMap::from([(self.labels.clone(), metric.clone())]);
                entry.insert(Family { help: help.to_owned(), metrics });
                return Ok(metric);
            }
            Entry::Occupied(entry) => entry.into_mut(),
        };
        if let Some(metric) = family.metrics.get(&self.labels) {
            return Ok(metric.clone());
        }
        let metric = new();
        match family.metrics.values().next() {
            // The caller reports the other type.
            Some(other) if other.kind() != metric.kind() => Ok(other.clone()),
            _ => {
                family.metrics.insert(self.labels.clone(), metric.clone());
                Ok(metric)
            }
        }
    }
}

impl Counter {
    /// Increases the count.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds to the value, or subtracts a negative number from it.
    pub fn add(&self, difference: f64) {
        let added = |bits| Some((f64::from_bits(bits) + difference).to_bits());
        // It never fails: the closure always returns a value.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }

    /// The current value.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Histogram {
    /// Counts one value.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }

    /// Counts a duration, in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }
}

impl Metric {
    fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }

    fn metric_type(&self) -> MetricType {
        match self {
            Self::Counter(_) => MetricType::Counter,
            Self::Gauge(_) => MetricType::Gauge,
            Self::Histogram(_) => MetricType::Histogram,
        }
    }

    fn taken(&self, name: &str) -> ConnectorError {
        ConnectorError::configuration(format!("the metric {name:?} is already registered as a {}", self.kind()))
    }

    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Counter(counter) => encoder.encode_counter::<NoLabelSet, _, f64>(&counter.get(), None),
            Self::Gauge(gauge) => encoder.encode_gauge(&gauge.get()),
            Self::Histogram(histogram) => histogram.0.encode(encoder),
        }
    }
}

impl Collector for ConnectorMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, Family { help, metrics }) in &*families {
            let Some(first) = metrics.values().next() else { continue };
            // A line break would end the comment.
            let help = help.replace(['\n', '\r'], " ");
            let mut encoder = encoder.encode_descriptor(name, &help, None, first.metric_type())?;
            for (labels, metric) in metrics {
                let labels: Vec<_> = labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
                metric.encode(encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && !name.ends_with("_total")
}
