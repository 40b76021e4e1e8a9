//! Key order: one message of a key out at a time, and the key with one consumer.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Who is out and who is behind, per key.
#[derive(Debug, Default)]
pub(crate) struct KeyOrder {
    /// The front of each line is out.
    lines: HashMap<String, VecDeque<u64>>,
    keys: HashMap<u64, String>,
}

impl KeyOrder {
    /// Puts an offset into its key's line; whether it may go at once.
    pub(crate) fn enter(&mut self, key: &str, offset: u64) -> bool {
        self.keys.insert(offset, key.to_owned());
        let line = self.lines.entry(key.to_owned()).or_default();
        line.push_back(offset);
        line.len() == 1
    }

    /// Takes an offset out; answers the one behind it, which may go now.
    pub(crate) fn leave(&mut self, offset: u64) -> Option<u64> {
        let key = self.keys.remove(&offset)?;
        let line = self.lines.get_mut(&key)?;
        line.pop_front();
        let next = line.front().copied();
        if next.is_none() {
            self.lines.remove(&key);
        }
        next
    }
}

/// How strongly a key is drawn to a consumer: the highest wins. A consumer that comes or goes moves
/// only the keys that it gains or loses.
pub(crate) fn affinity(key: &str, consumer: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    consumer.hash(&mut hasher);
    hasher.finish()
}

/// Whether a key matches a filter, where `*` stands for any characters and `?` for one.
pub(crate) fn matches(filter: &str, key: &str) -> bool {
    let (filter, key): (Vec<char>, Vec<char>) = (filter.chars().collect(), key.chars().collect());
    let (mut at, mut in_key) = (0, 0);
    // After the last `*`: where the filter goes on, and how much of the key the star took.
    let mut star: Option<(usize, usize)> = None;
    while in_key < key.len() {
        match filter.get(at) {
            Some('*') => {
                at += 1;
                star = Some((at, in_key));
            }
            Some(&c) if c == '?' || c == key[in_key] => {
                at += 1;
                in_key += 1;
            }
            _ => {
                let Some((resume, taken)) = star else { return false };
                at = resume;
                in_key = taken + 1;
                star = Some((resume, in_key));
            }
        }
    }
    filter[at..].iter().all(|&c| c == '*')
}
