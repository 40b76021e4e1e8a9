//! Memory of a connector's process: idle, and with a thousand partitions under load.

use super::{Broker, Brokers, Stream, topic};
use crate::{
    figures::{Goal, Report},
    roles::Consumer,
};

const IDLE: &str = "memory_idle_mib";
const LOADED: &str = "memory_1000_partitions_over_budget_mib";
const PARTITIONS: usize = 1_000;
const BUDGET: usize = 32 * 1024 * 1024;
/// Bytes of a record: the windows of all partitions together exceed the budget.
const BYTES: usize = 4 * 1024;
const WINDOW: usize = 10;
/// Records of each partition, in windows: its ledger remembers that many.
const WINDOWS: usize = 5;

pub(crate) fn all(report: &Report, brokers: &Brokers) {
    if report.wants(&[IDLE]) {
        idle(report, brokers);
    }
    if report.wants(&[LOADED]) {
        loaded(report, brokers);
    }
}

/// Memory of a connector that is attached to a topic without messages.
fn idle(report: &Report, brokers: &Brokers) {
    let Ok(broker) = brokers.start(WINDOW) else {
        return report.not_measured(IDLE, "it needs a broker with the default window");
    };
    let (stream, topic) = (Stream::of(1, 1), topic());
    let _publisher = stream.publish(&broker, &topic);
    let consumer = stream.consume(&broker, &topic, Consumer::Nothing);
    match consumer.memory("VmRSS") {
        Some(mebibytes) => report.figure(IDLE, mebibytes, Goal::AtMost(20.0)),
        None => report.not_measured(IDLE, "this system has no /proc"),
    }
}

/// Peak memory of the process beyond `max_buffered_bytes`.
fn loaded(report: &Report, brokers: &Brokers) {
    if let Some(reason) = brokers.no_embedded() {
        return report.not_measured(LOADED, reason);
    }
    let topic = topic();
    let broker = Broker::embedded(WINDOW, Some((topic.clone(), PARTITIONS)));
    let stream = Stream {
        bytes: BYTES,
        partitions: Some(PARTITIONS),
        max_buffered_bytes: Some(BUDGET),
        ..Stream::of(4, PARTITIONS * WINDOW * WINDOWS)
    };
    let mut most = None;
    let run = stream.through_topic(&broker, &topic, Consumer::Slow(15), |consumer| most = consumer.memory("VmHWM"));
    report.progress(format!(
        "{PARTITIONS} partitions: {} of {} records in {:.1} s, at most {most:?} MiB",
        run.arrived, stream.records, run.seconds
    ));
    match most {
        Some(_) if run.arrived < stream.records => report.void(LOADED, "not every record arrived"),
        Some(mebibytes) => report.figure(LOADED, mebibytes - (BUDGET / 1024 / 1024) as f64, Goal::AtMost(64.0)),
        None => report.not_measured(LOADED, "this system has no /proc"),
    }
}
