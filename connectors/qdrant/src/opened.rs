//! The collections that the connector knows, up to a bound.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::vectors::Vectors;

/// What is known of a collection.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) vectors: Vectors,
    /// Maximum number of points in a request, by the collection's strict mode.
    pub(crate) most_points: usize,
}

/// Known collections by name; the least recently used one is forgotten first.
pub(crate) struct Opened {
    most: usize,
    collections: Mutex<Collections>,
}

#[derive(Default)]
struct Collections {
    /// With the number of the last use.
    by_name: HashMap<String, (u64, Arc<Known>)>,
    uses: u64,
}

impl Opened {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, collections: Mutex::default() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Known>> {
        let mut collections = self.lock();
        collections.uses += 1;
        let uses = collections.uses;
        let (used, known) = collections.by_name.get_mut(name)?;
        *used = uses;
        Some(Arc::clone(known))
    }

    pub(crate) fn insert(&self, name: &str, known: &Arc<Known>) {
        let mut collections = self.lock();
        collections.uses += 1;
        let uses = collections.uses;
        collections.by_name.insert(name.to_owned(), (uses, Arc::clone(known)));
        while collections.by_name.len() > self.most {
            let oldest = collections.by_name.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone());
            collections.by_name.remove(&oldest.unwrap_or_default());
        }
    }

    pub(crate) fn forget(&self, name: &str) {
        self.lock().by_name.remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, Collections> {
        self.collections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_collection_is_forgotten_first() {
        let vectors = serde_json::from_str::<super::super::vectors::Params>("{}").expect("parameters").into();
        let known = Arc::new(Known { vectors, most_points: 1 });
        let opened = Opened::new(2);
        opened.insert("a", &known);
        opened.insert("b", &known);
        assert!(opened.get("a").is_some());
        opened.insert("c", &known);
        assert!(opened.get("a").is_some() && opened.get("b").is_none() && opened.get("c").is_some());
        opened.forget("a");
        assert!(opened.get("a").is_none());
    }
}
