//! What was confirmed to the producers beside what the target holds.

use std::collections::{HashMap, HashSet};

/// The comparison.
#[derive(Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Confirmed, and not in the target.
    pub lost: usize,
    /// In the target more than once: the copies beyond the first.
    pub duplicated: usize,
    /// In the target, and never published.
    pub strange: usize,
}

impl Ledger {
    /// Compares and prints.
    pub fn compare(what: &str, confirmed: &[u64], target: &[u64]) -> Self {
        Self::compare_possible(what, confirmed, &[], target)
    }

    /// Compares and prints, where some were sent and neither confirmed nor refused: they may be in the target or not.
    pub fn compare_possible(what: &str, confirmed: &[u64], unconfirmed: &[u64], target: &[u64]) -> Self {
        let mut copies: HashMap<u64, usize> = HashMap::new();
        for number in target {
            *copies.entry(*number).or_default() += 1;
        }
        let expected: HashSet<_> = confirmed.iter().chain(unconfirmed).collect();
        let ledger = Self {
            lost: confirmed.iter().filter(|number| !copies.contains_key(number)).count(),
            duplicated: copies.values().map(|copies| copies - 1).sum(),
            strange: copies.keys().filter(|number| !expected.contains(number)).count(),
        };
        let open = if unconfirmed.is_empty() { String::new() } else { format!("{} open, ", unconfirmed.len()) };
        println!("{what}: {} confirmed, {open}{} in the target, {ledger:?}", confirmed.len(), target.len());
        ledger
    }

    /// Everything arrived once.
    pub const CLEAN: Self = Self { lost: 0, duplicated: 0, strange: 0 };
}
