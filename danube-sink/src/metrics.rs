#![doc = include_str!("observe/metrics.md")]

pub use crate::observe::{ConfigMetrics, ConnectorMetrics, Counter, Gauge, Histogram};
