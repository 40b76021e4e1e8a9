//! The memory of a connector's process.

use super::{Broker, Brokers, Stream, topic};
use crate::{
    figures::{Goal, Report},
    roles::Consumer,
};

const IDLE: &str = "memory_idle_mib";
const LOADED: &str = "memory_1000_partitions_over_budget_mib";
const PARTITIONS: usize = 1_000;
const BUDGET: usize = 32 * 1024 * 1024;
/// The window of all partitions together is more than the budget.
const BYTES: usize = 4 * 1024;
const WINDOW: usize = 10;
/// Each partition's ledger remembers so many windows.
const WINDOWS: usize = 5;

pub(crate) fn all(report: &Report, brokers: &Brokers) {
    if report.wants(&[IDLE]) {
        idle(report, brokers);
    }
    if report.wants(&[LOADED]) {
        loaded(report, brokers);
    }
}

/// A connector that is attached to a topic in which nothing happens.
fn idle(report: &Report, brokers: &Brokers) {
    let Ok(broker) = brokers.start(WINDOW) else {
        return report.left_out(IDLE, "it needs a broker with the default window");
    };
    let (stream, topic) = (Stream::of(1, 1), topic());
    let _publisher = stream.publish(&broker, &topic);
    let consumer = stream.consume(&broker, &topic, Consumer::Nothing);
    match consumer.memory("VmRSS") {
        Some(mebibytes) => report.figure(IDLE, mebibytes, Goal::AtMost(20.0)),
        None => report.left_out(IDLE, "this system has no /proc"),
    }
}

/// The most that the process ever had, beyond `max_buffered_bytes`.
fn loaded(report: &Report, brokers: &Brokers) {
    if let Some(reason) = brokers.no_embedded() {
        return report.left_out(LOADED, reason);
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
        None => report.left_out(LOADED, "this system has no /proc"),
    }
}
