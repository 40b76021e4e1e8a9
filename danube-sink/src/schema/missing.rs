//! Schemas that the registry does not have.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::registry::MAX_SCHEMAS;
use crate::pipeline::{BrokerFailure, FailureKind};

/// A missing schema is looked up again after so long.
const PAUSE: Duration = Duration::from_secs(1);
/// For so long after its last look-up, one more look-up shows that it is still missing.
const COUNTS: Duration = Duration::from_secs(60);

/// Schema id and version.
type Key = (u64, Option<u32>);

/// Schemas that the registry does not have, as a series of look-ups has shown, with the last answer and its time.
///
/// Without this, each record that names such a schema would cost a series of its own, and hold up those behind it.
#[derive(Default)]
pub(super) struct MissingSchemas(Mutex<HashMap<Key, (BrokerFailure, Instant)>>);

impl MissingSchemas {
    /// The answer to the last look-up, if the next one is not due yet.
    pub(super) fn answer(&self, key: Key) -> Option<BrokerFailure> {
        let mut missing = self.known();
        let (failure, asked) = missing.get(&key)?;
        if asked.elapsed() < PAUSE {
            return Some(failure.clone());
        }
        if asked.elapsed() >= COUNTS {
            missing.remove(&key);
        }
        None
    }

    /// Takes the answer to a further look-up of a schema.
    pub(super) fn answered<T>(&self, key: Key, answer: &Result<T, BrokerFailure>) {
        let mut missing = self.known();
        match answer {
            Ok(_) => drop(missing.remove(&key)),
            Err(failure) if failure.kind == FailureKind::Missing => {
                missing.entry(key).and_modify(|last| *last = (failure.clone(), Instant::now()));
            }
            Err(_) => {}
        }
    }

    pub(super) fn insert(&self, key: Key, failure: &BrokerFailure) {
        let mut missing = self.known();
        if missing.len() >= MAX_SCHEMAS {
            missing.clear();
        }
        missing.entry(key).or_insert_with(|| (failure.clone(), Instant::now()));
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.known().contains_key(&key)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Key, (BrokerFailure, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_missing_schema_is_looked_up_each_second_and_forgotten_after_a_while_or_when_it_is_found() {
        let (missing, key) = (MissingSchemas::default(), (1, Some(2)));
        let failure = BrokerFailure::new(FailureKind::Missing, "no such schema");
        missing.answered(key, &Err::<(), _>(failure.clone()));
        assert!(!missing.contains(key), "one answer is not enough");
        missing.insert(key, &failure);
        for _ in 0..100 {
            assert_eq!(missing.answer(key).as_ref(), Some(&failure));
            sleep(PAUSE).await;
            assert_eq!(missing.answer(key), None);
            missing.answered(key, &Err::<(), _>(failure.clone()));
            assert!(missing.contains(key));
        }
        sleep(COUNTS).await;
        assert_eq!((missing.answer(key), missing.contains(key)), (None, false));
        missing.insert(key, &failure);
        missing.answered(key, &Ok(()));
        assert!(!missing.contains(key));
    }
}
