//! Throughput of rejected records: each is published to the dead-letter topic and acknowledged.

use super::{Brokers, Stream};
use crate::{
    figures::{Goal, Report, median},
    roles::{Consumer, TAIL},
};

const NAME: &str = "dead_letters_per_second";

pub(crate) fn all(report: &Report, brokers: &Brokers) {
    if !report.wants(&[NAME]) {
        return;
    }
    if let Some(reason) = brokers.no_embedded() {
        return report.not_measured(NAME, reason);
    }
    let Ok(broker) = brokers.start(1_000) else { return };
    let stream = Stream::of(8, report.rounds(10_000, 20_000));
    let run = |_| {
        let run = stream.through(&broker, Consumer::Rejecting);
        // The rest of the last batch waits for the flush interval, which is a setting and no cost.
        let speed = run.arrived.saturating_sub(TAIL) as f64 / run.seconds_before_tail;
        report.progress(format!("{NAME}: {speed:.0}"));
        speed
    };
    report.figure(NAME, median((0..report.rounds(3, 7)).map(run)), Goal::AtLeast(10_000.0));
}
