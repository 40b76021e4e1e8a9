//! Comparison of published records with those in the target.

use std::collections::HashMap;

/// Maximum number of records that a finding lists.
const LISTED: usize = 5;

/// Finds lost, repeated and unknown records in the target. `published` are the numbers of one scenario; `next` is the first
/// unused one.
pub(super) fn compare(published: &[u64], next: u64, held: &[u64], once: bool) -> Vec<String> {
    let mut times: HashMap<u64, usize> = HashMap::new();
    for number in held {
        *times.entry(*number).or_default() += 1;
    }
    let times = |number: &u64| times.get(number).copied().unwrap_or_default();
    let of = published.len();
    let mut findings = Vec::new();
    let lost: Vec<u64> = published.iter().copied().filter(|number| times(number) == 0).collect();
    if !lost.is_empty() {
        findings.push(format!("{} of {of} records are not in the target: {}", lost.len(), listed(&lost)));
    }
    let repeated: Vec<u64> = published.iter().copied().filter(|number| times(number) > 1).collect();
    if once && !repeated.is_empty() {
        let (count, listed) = (repeated.len(), listed(&repeated));
        findings.push(format!("{count} of {of} records are in the target more than once: {listed}"));
    }
    let unknown: Vec<u64> = held.iter().copied().filter(|number| *number >= next).collect();
    if !unknown.is_empty() {
        let (count, listed) = (unknown.len(), listed(&unknown));
        findings.push(format!("{count} records in the target were never published: {listed}"));
    }
    findings
}

/// `number 3`, or `numbers 3, 13, 23, 33, 43, …`.
fn listed(numbers: &[u64]) -> String {
    let first: Vec<_> = numbers.iter().take(LISTED).map(u64::to_string).collect();
    let (word, rest) = (if numbers.len() == 1 { "number" } else { "numbers" }, numbers.len() > LISTED);
    format!("{word} {}{}", first.join(", "), if rest { ", …" } else { "" })
}
