//! Values by name, up to a bound.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A cache of what a connector knows of its open targets by name, such as the columns of each table, where records choose their
/// target. Beyond a bound, the least recently used one is forgotten.
///
/// ```
/// use danube_sink::Recent;
///
/// let open = Recent::new(2);
/// open.insert("a", 1);
/// open.insert("b", 2);
/// assert_eq!(open.get("a").as_deref(), Some(&1));
/// open.insert("c", 3);
/// assert_eq!([open.get("a"), open.get("b"), open.get("c")].map(|value| value.as_deref().copied()), [Some(1), None, Some(3)]);
/// open.remove("a");
/// assert!(open.get("a").is_none());
/// ```
pub struct Recent<T> {
    most: usize,
    used: Mutex<Used<T>>,
}

struct Used<T> {
    /// With the number of the last use.
    by_name: HashMap<String, (u64, Arc<T>)>,
    uses: u64,
}

impl<T> Recent<T> {
    /// An empty cache for at most so many values; at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), used: Mutex::new(Used { by_name: HashMap::new(), uses: 0 }) }
    }

    /// The value of a name, if it is known.
    pub fn get(&self, name: &str) -> Option<Arc<T>> {
        let mut used = self.lock();
        used.uses += 1;
        let uses = used.uses;
        let (last_use, value) = used.by_name.get_mut(name)?;
        *last_use = uses;
        Some(Arc::clone(value))
    }

    /// Sets the value of a name, and forgets another one if there are too many.
    pub fn insert(&self, name: &str, value: impl Into<Arc<T>>) {
        let mut used = self.lock();
        used.uses += 1;
        let uses = used.uses;
        used.by_name.insert(name.to_owned(), (uses, value.into()));
        while used.by_name.len() > self.most {
            let oldest = used.by_name.iter().min_by_key(|(_, (last_use, _))| *last_use).map(|(name, _)| name.clone());
            used.by_name.remove(&oldest.unwrap_or_default());
        }
    }

    /// Forgets the value of a name.
    pub fn remove(&self, name: &str) {
        self.lock().by_name.remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, Used<T>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints the number of values: names may be values of a record.
impl<T> fmt::Debug for Recent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recent({} of {})", self.lock().by_name.len(), self.most)
    }
}
