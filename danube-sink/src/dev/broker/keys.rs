//! Order of keys: one message of a key in flight at a time, and each key with one consumer.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Queue of offsets per key.
#[derive(Debug, Default)]
pub(crate) struct KeyOrder {
    /// The front of each queue is in flight.
    queues: HashMap<String, VecDeque<u64>>,
    keys: HashMap<u64, String>,
}

impl KeyOrder {
    /// Appends an offset to its key's queue. Returns whether it may be sent immediately.
    pub(crate) fn enter(&mut self, key: &str, offset: u64) -> bool {
        self.keys.insert(offset, key.to_owned());
        let queue = self.queues.entry(key.to_owned()).or_default();
        queue.push_back(offset);
        queue.len() == 1
    }

    /// Removes a settled offset. Returns the next one, which may be sent now.
    pub(crate) fn leave(&mut self, offset: u64) -> Option<u64> {
        let key = self.keys.remove(&offset)?;
        let queue = self.queues.get_mut(&key)?;
        queue.pop_front();
        let next = queue.front().copied();
        if next.is_none() {
            self.queues.remove(&key);
        }
        next
    }
}

/// Affinity of a key to a consumer (rendezvous hashing): the highest wins, so that a consumer that joins or leaves moves
/// only its own keys.
pub(crate) fn affinity(key: &str, consumer: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    consumer.hash(&mut hasher);
    hasher.finish()
}

/// Whether a key matches a filter, in which `*` stands for any characters and `?` for one.
pub(crate) fn matches(filter: &str, key: &str) -> bool {
    let (filter, key): (Vec<char>, Vec<char>) = (filter.chars().collect(), key.chars().collect());
    let (mut at, mut in_key) = (0, 0);
    // After the last `*`: where the filter continues, and how much of the key the star matched.
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
