//! Names of indexes: what servers accept, and how many of them a mapping may use.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The longest name of an index, in bytes.
const LONGEST: usize = 255;
/// Characters that a name must not contain.
const FORBIDDEN: &str = "\\/*?\"<>|,#: ";
/// How long an index counts as in use after its last record.
const IN_USE: Duration = Duration::from_secs(3600);

/// Why a server would refuse an index, alias or data stream of this name.
pub(crate) fn violation(name: &str) -> Option<&'static str> {
    let is_forbidden = |letter: char| FORBIDDEN.contains(letter) || letter.is_control();
    match () {
        () if name.is_empty() => Some("it is empty"),
        () if name.len() > LONGEST => Some("it is longer than 255 bytes"),
        () if name == "." || name == ".." => Some("it is `.` or `..`"),
        () if name.starts_with(['-', '_', '+']) => Some("it begins with `-`, `_` or `+`"),
        () if name.contains(is_forbidden) => Some("it contains a space or one of `\\/*?\"<>|,#:`"),
        () if !name.chars().all(|letter| letter.to_lowercase().eq([letter])) => Some("it contains a capital letter"),
        () => None,
    }
}

/// The indexes that the records of a mapping named lately.
#[derive(Debug, Default)]
pub(crate) struct Indexes(Mutex<HashMap<String, Instant>>);

impl Indexes {
    /// Whether this index is in use, as it is then for an hour from now.
    pub(crate) fn use_again(&self, name: &str, now: Instant) -> bool {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get_mut(name).map(|last| *last = now).is_some()
    }

    /// Whether a record may go to this index: it is in use, or fewer than `most` others are.
    pub(crate) fn admit(&self, name: &str, most: usize, now: Instant) -> bool {
        if self.use_again(name, now) {
            return true;
        }
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= most {
            names.retain(|_, last| now.duration_since(*last) < IN_USE);
        }
        let is_admitted = names.len() < most;
        if is_admitted {
            names.insert(name.to_owned(), now);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_valid_as_servers_see_it() {
        for valid in ["orders", "orders-2026.11.28", ".hidden", "1", "größe", &"x".repeat(255)] {
            assert_eq!(violation(valid), None, "{valid}");
        }
        for invalid in [
            "", ".", "..", "Orders", "ÄRGER", "-a", "_a", "+a", "a b", "a/b", "a*", "a,b", "a#b", "a:b", "a\"b", "a\nb",
        ] {
            assert!(violation(invalid).is_some(), "{invalid}");
        }
        assert!(violation(&"ü".repeat(128)).is_some(), "256 bytes");
    }

    #[test]
    fn only_so_many_indexes_are_in_use() {
        let indexes = Indexes::default();
        let (first, later) = (Instant::now(), Instant::now() + IN_USE);
        let admit = |name, now| indexes.admit(name, 2, now);
        assert!(admit("a", first) && admit("b", first) && !admit("c", first) && admit("a", later));
        assert!(admit("c", later) && !admit("b", later));
    }
}
