//! Ledger of lost, duplicated and unexpected records: the confirmed records compared with the target's.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
};

/// Counts of lost, duplicated and unexpected records.
#[derive(Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Confirmed records that are not in the target.
    pub lost: usize,
    /// Copies in the target beyond the first of each record.
    pub duplicated: usize,
    /// Records in the target that were not published.
    pub unexpected: usize,
}

impl Ledger {
    /// Compares the confirmed records with the target's, and prints the result.
    pub fn compare(what: &str, confirmed: &[u64], target: &[u64]) -> Self {
        Self::compare_possible(what, confirmed, &[], target)
    }

    /// Compares the published records with the target's, and prints the result. Unconfirmed records may be in the target or
    /// not.
    pub fn compare_possible(what: &str, confirmed: &[u64], unconfirmed: &[u64], target: &[u64]) -> Self {
        let mut copies: HashMap<u64, usize> = HashMap::new();
        for number in target {
            *copies.entry(*number).or_default() += 1;
        }
        let expected: HashSet<_> = confirmed.iter().chain(unconfirmed).collect();
        let ledger = Self {
            lost: confirmed.iter().filter(|number| !copies.contains_key(number)).count(),
            duplicated: copies.values().map(|copies| copies - 1).sum(),
            unexpected: copies.keys().filter(|number| !expected.contains(number)).count(),
        };
        let open = if unconfirmed.is_empty() { String::new() } else { format!("{} open, ", unconfirmed.len()) };
        println!("{what}: {} confirmed, {open}{} in the target, {ledger:?}", confirmed.len(), target.len());
        ledger
    }

    /// The numbers in a file of the program `appender`. A line that a kill or a full disk has torn is none.
    pub fn appended(file: &Path) -> Vec<u64> {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|line| line.strip_suffix('.')?.parse().ok()).collect()
    }

    /// Ledger without losses and duplicates: each record arrived once.
    pub const CLEAN: Self = Self { lost: 0, duplicated: 0, unexpected: 0 };
}
