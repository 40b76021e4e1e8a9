//! Bursts on a real broker, which skips messages when a subscription lags.

use super::{Brokers, Round, Stream};
use crate::{
    figures::{Goal, Report, median},
    roles::Consumer,
};

/// Records a second: the speed of four publishers in Python. From some 18 000/s on, the bare loop loses records too.
const RATE: f64 = 7_000.0;

/// Ratio of the records of a burst that reach the connector to those that reach the bare loop, on a new, idle subscription.
pub(crate) fn all(report: &Report, brokers: &Brokers) {
    for each in [750, 5_000] {
        let name = format!("burst_4x{each}_arrived_ratio");
        if !report.wants(&[&name]) {
            continue;
        }
        let broker = match (&brokers.real, brokers.start(10)) {
            (Some(_), Ok(broker)) => broker,
            (Some(_), Err(reason)) => {
                report.not_measured(&name, reason);
                continue;
            }
            (None, _) => {
                report.not_measured(&name, "it needs a real broker: set DANUBE_TEST_URL");
                continue;
            }
        };
        let stream = Stream { rate: Some(RATE), ..Stream::of(4, 4 * each) };
        let rounds: Vec<_> = (0..report.rounds(3, 7)).map(|_| Round::of(&stream, &broker, Consumer::Nothing)).collect();
        for round in &rounds {
            report.progress(format!(
                "{name}: skipped of {} records (bare, connector, bare): {:?}",
                stream.records,
                round.skipped(&stream)
            ));
        }
        let ratio = |round: &Round| {
            let bare = usize::midpoint(round.bare[0].arrived, round.bare[1].arrived);
            round.connector.arrived as f64 / bare as f64
        };
        report.figure(&name, median(rounds.iter().map(ratio)), Goal::AtLeast(1.0));
        let control = |round: &Round| round.bare[1].arrived as f64 / round.bare[0].arrived as f64;
        report.control(&name, median(rounds.iter().map(control)));
    }
}
