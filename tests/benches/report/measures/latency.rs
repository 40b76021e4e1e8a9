//! Latency from publishing to settlement, compared with the bare loop.

use super::{Brokers, Round, Stream};
use crate::{
    figures::{Goal, Report, median},
    roles::{Consumed, Consumer, TAIL},
};

pub(crate) const NAME: &str = "p99_milliseconds_over_bound";
/// The default settings of a connector.
const FLUSH_INTERVAL: f64 = 1.0;
const BATCH: f64 = TAIL as f64;
/// Seconds that the runtime may take in addition to the wait for a full batch.
const ALLOWANCE: f64 = 0.002;

/// Milliseconds by which the connector's p99 latency exceeds its bound, at three fractions of the measured throughput.
///
/// The bound is the bare loop's p99, the time that a batch takes to fill, and two milliseconds.
pub(crate) fn all(report: &Report, brokers: &Brokers, speed: Option<f64>) {
    if !report.wants(&[NAME]) {
        return;
    }
    let (None, Some(speed)) = (brokers.no_embedded(), speed) else {
        return report.not_measured(NAME, brokers.no_embedded().unwrap_or("the throughput is not known"));
    };
    let Ok(broker) = brokers.start(1_000) else { return };
    for percent in [10.0, 50.0, 90.0] {
        let rate = speed * percent / 100.0;
        let seconds = report.rounds(1, 3) as f64;
        let stream = Stream { rate: Some(rate), latencies: true, ..Stream::of(8, (rate * seconds) as usize) };
        let bound = FLUSH_INTERVAL.min(BATCH / rate) + ALLOWANCE;
        let rounds: Vec<_> = (0..report.rounds(3, 5)).map(|_| Round::of(&stream, &broker, Consumer::Nothing)).collect();
        let over = |round: &Round| {
            let bare = f64::midpoint(p99(&round.bare[0]), p99(&round.bare[1]));
            report.progress(format!(
                "p99 at {rate:.0}/s: connector {:.2} ms, bare {:.2} ms, a batch fills in {:.2} ms",
                p99(&round.connector) * 1e3,
                bare * 1e3,
                (bound - ALLOWANCE) * 1e3
            ));
            (p99(&round.connector) - bare - bound) * 1e3
        };
        let name = format!("{NAME}_at_{percent}_percent");
        report.figure(&name, median(rounds.iter().map(over)), Goal::AtMost(0.0));
        report.control(&name, median(rounds.iter().map(|round| (p99(&round.bare[1]) - p99(&round.bare[0])) * 1e3)));
    }
}

/// The 99th percentile of the latencies, without the last records, whose batch is not full.
fn p99(run: &Consumed) -> f64 {
    let mut latencies = run.latencies[..run.latencies.len().saturating_sub(TAIL)].to_vec();
    latencies.sort_by(f64::total_cmp);
    latencies.get(latencies.len() * 99 / 100).copied().unwrap_or(f64::NAN)
}
