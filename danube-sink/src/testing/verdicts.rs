//! Verdict table of a connector's README: its reaction to each response of the target.

use crate::error::TargetFailure;

/// Verdict table of a connector in Markdown: responses of the target, and the connector's reaction.
///
/// Build it from the table that the code uses, and compare it with the README in a test, so that both agree. Responses of one
/// class share a row, in the order given.
///
/// ```
/// use danube_sink::{TargetFailure, testing::verdict_table};
///
/// let table = verdict_table([("503", TargetFailure::Busy), ("401", TargetFailure::Unauthenticated), ("429", TargetFailure::Busy)]);
/// assert_eq!(table.lines().nth(3).unwrap(), "| busy or unreachable | 503, 429 | retried | retried |");
/// ```
pub fn verdict_table<A: Into<String>>(answers: impl IntoIterator<Item = (A, TargetFailure)>) -> String {
    let answers: Vec<(String, _)> = answers.into_iter().map(|(answer, failure)| (answer.into(), failure)).collect();
    let mut table = "| | answers | at start | while running |\n|---|---|---|---|\n".to_owned();
    for failure in TargetFailure::ALL {
        let of_class =
            |(answer, class): &(String, TargetFailure)| (*class == failure).then(|| answer.replace('|', "\\|"));
        let of_class: Vec<_> = answers.iter().filter_map(of_class).collect();
        if !of_class.is_empty() {
            let [at_start, running] = failure.described();
            table += &format!("| {failure} | {} | {at_start} | {running} |\n", of_class.join(", "));
        }
    }
    table
}
