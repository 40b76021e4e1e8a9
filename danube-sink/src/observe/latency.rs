//! Latency histograms of atomics: many observations are added in one call, without a lock.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

/// Upper bounds of the buckets in microseconds, from 0.5 ms to 300 s: six per decade, so that a p99 is exact to a factor of
/// 1.5.
const BOUNDS: [u64; 36] = [
    500,
    680,
    1_000,
    1_500,
    2_200,
    3_300,
    4_700,
    6_800,
    10_000,
    15_000,
    22_000,
    33_000,
    47_000,
    68_000,
    100_000,
    150_000,
    220_000,
    330_000,
    470_000,
    680_000,
    1_000_000,
    1_500_000,
    2_200_000,
    3_300_000,
    4_700_000,
    6_800_000,
    10_000_000,
    15_000_000,
    22_000_000,
    33_000_000,
    47_000_000,
    68_000_000,
    100_000_000,
    150_000_000,
    220_000_000,
    300_000_000,
];
const BUCKETS: usize = BOUNDS.len() + 1;

/// Latencies of many records, counted by bucket, for one call of [`LatencyHistogram::add`].
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    buckets: [u64; BUCKETS],
    seconds: f64,
    /// The last duration and its uncounted repetitions: consecutive records often have the same one.
    last: (Duration, u64),
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], seconds: 0.0, last: (Duration::ZERO, 0) }
    }
}

impl Latencies {
    /// Adds the latency of one record.
    pub(crate) fn add(&mut self, latency: Duration) {
        if latency != self.last.0 {
            self.count_last();
            self.last = (latency, 0);
        }
        self.last.1 += 1;
    }

    fn count_last(&mut self) {
        let (latency, records) = std::mem::take(&mut self.last);
        self.buckets[bucket(latency)] += records;
        self.seconds += latency.as_secs_f64() * records as f64;
    }
}

/// A histogram of durations in seconds. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct LatencyHistogram(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    buckets: [AtomicU64; BUCKETS],
    /// The bits of the sum as an `f64`: a message without a publish time has the latency of half a century, and a few hundred of
    /// these are more nanoseconds than 64 bits count.
    seconds: AtomicU64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        let buckets = [const { AtomicU64::new(0) }; BUCKETS];
        Self(Arc::new(Shared { buckets, seconds: AtomicU64::new(0.0_f64.to_bits()) }))
    }
}

impl LatencyHistogram {
    pub(super) fn add(&self, mut latencies: Latencies) {
        latencies.count_last();
        for (shared, count) in self.0.buckets.iter().zip(latencies.buckets) {
            // Most buckets of a batch are empty.
            if count > 0 {
                shared.fetch_add(count, Ordering::Relaxed);
            }
        }
        self.add_seconds(latencies.seconds);
    }

    pub(super) fn observe(&self, latency: Duration) {
        self.0.buckets[bucket(latency)].fetch_add(1, Ordering::Relaxed);
        self.add_seconds(latency.as_secs_f64());
    }

    fn add_seconds(&self, seconds: f64) {
        let added = |bits| Some((f64::from_bits(bits) + seconds).to_bits());
        // It never fails: the closure always returns a value.
        let _ = self.0.seconds.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }
}

impl EncodeMetric for LatencyHistogram {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        let counts = self.0.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        // The sum of the same buckets: a separate counter could differ while other threads add.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = f64::from_bits(self.0.seconds.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// The first bucket whose upper bound is not below the duration.
fn bucket(latency: Duration) -> usize {
    let nanoseconds = nanoseconds(latency);
    BOUNDS.partition_point(|bound| bound * 1_000 < nanoseconds)
}

fn nanoseconds(latency: Duration) -> u64 {
    u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    fn text(histogram: &LatencyHistogram) -> String {
        let mut registry = Registry::default();
        registry.register("seconds", "Time", histogram.clone());
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn bounds_are_ascending_in_small_steps() {
        for pair in BOUNDS.windows(2) {
            assert!(pair[0] < pair[1] && pair[1] as f64 / pair[0] as f64 <= 1.51, "{pair:?}");
        }
    }

    #[test]
    fn many_latencies_are_added_in_one_call() {
        let histogram = LatencyHistogram::default();
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_micros(500));
        latencies.add(Duration::from_nanos(500_001));
        (0..10).for_each(|_| latencies.add(Duration::from_secs(2)));
        latencies.add(Duration::from_secs(1_000));
        histogram.add(latencies);
        histogram.observe(Duration::ZERO);
        let text = text(&histogram);
        for line in [
            "seconds_count 14",
            "seconds_bucket{le=\"0.0005\"} 2",
            "seconds_bucket{le=\"0.00068\"} 3",
            "seconds_bucket{le=\"1.5\"} 3",
            "seconds_bucket{le=\"2.2\"} 13",
            "seconds_bucket{le=\"300.0\"} 13",
            "seconds_bucket{le=\"+Inf\"} 14",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in {text}");
        }
        let sum = text.lines().find_map(|line| line.strip_prefix("seconds_sum ")).unwrap();
        assert!((sum.parse::<f64>().unwrap() - 1_020.001_000_001).abs() < 1e-6, "{sum}");
    }

    #[test]
    fn latencies_of_messages_without_a_publish_time_do_not_make_the_sum_wrap() {
        let (histogram, mut latencies) = (LatencyHistogram::default(), Latencies::default());
        (0..10).for_each(|_| latencies.add(Duration::from_secs(1_800_000_000)));
        histogram.add(latencies.clone());
        histogram.add(latencies);
        let text = text(&histogram);
        let sum = text.lines().find_map(|line| line.strip_prefix("seconds_sum ")).unwrap();
        assert_eq!(sum.parse::<f64>().unwrap(), 3.6e10);
    }
}
