//! Throughput and CPU time a record, compared with the bare loop.

use super::{Broker, Brokers, Round, Stream, compare};
use crate::{
    figures::{Goal, Report, median},
    roles::{Consumer, TAIL},
};

const WINDOW_10: &str = "window_10_throughput_ratio";
const WINDOW_1000: &str = "window_1000_throughput_ratio";
const CPU: &str = "window_1000_cpu_ratio";

/// Throughput with a dispatch window of 10, up to the last acknowledgement.
pub(crate) fn window_10(report: &Report, brokers: &Brokers) {
    if !report.wants(&[WINDOW_10]) {
        return;
    }
    let broker = match brokers.start(10) {
        Ok(broker) => broker,
        Err(reason) => return report.not_measured(WINDOW_10, reason),
    };
    // More producers outrun what a real broker keeps for a subscription.
    let producers = if brokers.real.is_some() { 2 } else { 8 };
    let stream = Stream::of(producers, 5_000);
    let rounds = rounds(report, WINDOW_10, &stream, (&broker, Consumer::Nothing), report.rounds(7, 21));
    if let Some(rounds) = whole(report, &[WINDOW_10], &stream, &rounds) {
        compare(report, WINDOW_10, Goal::AtLeast(0.9), rounds, |run| 1.0 / run.seconds);
    }
}

/// Throughput and CPU time with a dispatch window of 1 000. Returns the connector's records a second.
pub(crate) fn window_1000(report: &Report, brokers: &Brokers) -> Option<f64> {
    let names = [WINDOW_1000, CPU];
    if !report.wants(&[WINDOW_1000, CPU, super::latency::NAME]) {
        return None;
    }
    let broker = match brokers.start(1_000) {
        Ok(broker) => broker,
        Err(reason) => {
            names.iter().for_each(|name| report.not_measured(name, &reason));
            return None;
        }
    };
    let producers = if brokers.real.is_some() { 2 } else { 8 };
    let stream = Stream::of(producers, report.rounds(20_000, 40_000));
    let rounds = rounds(report, WINDOW_1000, &stream, (&broker, Consumer::Nothing), report.rounds(5, 11));
    let rounds = whole(report, &names, &stream, &rounds)?;
    // The rest of the last batch waits for the flush interval, which is a setting and no cost.
    compare(report, WINDOW_1000, Goal::AtLeast(1.0), rounds, |run| 1.0 / run.seconds_before_tail);
    if rounds[0].connector.cpu_seconds.is_some() {
        compare(report, CPU, Goal::AtMost(0.7), rounds, |run| run.cpu_seconds.unwrap_or(f64::NAN));
    } else {
        report.not_measured(CPU, "this system does not count the CPU time of a thread");
    }
    Some(median(rounds.iter().map(|round| stream.records as f64 / round.connector.seconds)))
}

pub(super) fn rounds(
    report: &Report,
    name: &str,
    stream: &Stream,
    (broker, by): (&Broker, Consumer),
    count: usize,
) -> Vec<Round> {
    let round = |_| {
        let round = Round::of(stream, broker, by);
        let speeds = [&round.bare[0], &round.connector, &round.bare[1]]
            .map(|run| format!("{:.0}/s", run.arrived as f64 / run.seconds));
        let micros = [&round.bare[0], &round.connector, &round.bare[1]]
            .map(|run| format!("{:.1}", run.cpu_seconds.unwrap_or(f64::NAN) * 1e6 / run.arrived as f64));
        let before_tail = [&round.bare[0], &round.connector, &round.bare[1]]
            .map(|run| format!("{:.0}/s", (run.arrived.saturating_sub(TAIL)) as f64 / run.seconds_before_tail));
        report.progress(format!(
            "{name}: bare, connector, bare: {}; without the last {TAIL}: {}; CPU time in µs a record {}; skipped {:?}",
            speeds.join(", "),
            before_tail.join(", "),
            micros.join(", "),
            round.skipped(stream)
        ));
        round
    };
    // The first one warms up.
    (0..=count).map(round).skip(1).collect()
}

/// The rounds, unless the broker skipped records in any of them; then the figures are void.
pub(super) fn whole<'r>(report: &Report, names: &[&str], stream: &Stream, rounds: &'r [Round]) -> Option<&'r [Round]> {
    let [before, connector, after] = rounds
        .iter()
        .map(|round| round.skipped(stream))
        .fold([0; 3], |sum, skipped| std::array::from_fn(|run| sum[run] + skipped[run]));
    if before + connector + after == 0 {
        return Some(rounds);
    }
    let bare = before + after;
    let reason = format!("the broker skipped {bare} records of the bare loop and {connector} of the connector");
    names.iter().for_each(|name| report.void(name, &reason));
    None
}
