//! Throughput with a spool on this machine's disk, compared with the bare loop.

use super::{Brokers, Stream, compare, throughput};
use crate::{
    figures::{Goal, Report},
    roles::Consumer,
};

const OS: &str = "spool_os_throughput_ratio";
const ALWAYS: &str = "spool_always_throughput_ratio";

/// Throughput with a dispatch window of 1 000, up to the record that the target had last.
pub(crate) fn all(report: &Report, brokers: &Brokers) {
    for (name, syncs, goal) in [(OS, false, 0.9), (ALWAYS, true, 0.5)] {
        if !report.wants(&[name]) {
            continue;
        }
        let broker = match brokers.start(1_000) {
            Ok(broker) => broker,
            Err(reason) => {
                report.not_measured(name, reason);
                continue;
            }
        };
        let producers = if brokers.real.is_some() { 2 } else { 8 };
        let stream = Stream::of(producers, report.rounds(20_000, 40_000));
        let by = Consumer::Spooled { syncs };
        let rounds = throughput::rounds(report, name, &stream, (&broker, by), report.rounds(3, 7));
        if let Some(rounds) = throughput::whole(report, &[name], &stream, &rounds) {
            compare(report, name, Goal::AtLeast(goal), rounds, |run| 1.0 / run.seconds_before_tail);
        }
    }
}
