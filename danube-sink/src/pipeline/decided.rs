//! Decisions about records that went back to the broker before they were settled.
//!
//! A refused record may wait long for its dead letter, and is given back meanwhile to free its memory. When the broker
//! redelivers it, it must not be written: that would be a second verdict, and out of order.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{outcome::Rejected, partition::Partition};
use crate::record::RecordId;

/// The most decisions to remember; a record beyond them is written once more.
const MOST: usize = 10_000;

/// Why a record was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) reason: String,
    /// Its retries were exhausted: a dead letter, whatever the policy for rejected records.
    pub(crate) is_exhausted: bool,
}

/// The decisions of one mapping.
#[derive(Debug, Default)]
pub(crate) struct Decisions(Mutex<HashMap<RecordId, Decision>>);

impl Decisions {
    pub(crate) fn is_empty(&self) -> bool {
        self.decisions().is_empty()
    }

    /// Gives rejected records of some detached partitions back to the broker.
    pub(crate) fn release(
        &self,
        rejected: &mut Vec<Rejected>,
        is_exhausted: bool,
        goes_back: impl Fn(&Partition) -> bool,
    ) {
        let released = rejected.extract_if(.., |rejected| goes_back(&rejected.record.partition));
        released.for_each(|rejected| self.give_back(rejected, is_exhausted));
    }

    /// Gives a rejected record back to the broker, and remembers the decision about it.
    pub(crate) fn give_back(&self, rejected: Rejected, is_exhausted: bool) {
        let id = rejected.record().id().clone();
        self.remember(id, Decision { reason: rejected.reason, is_exhausted });
    }

    fn remember(&self, id: RecordId, decision: Decision) {
        let mut decisions = self.decisions();
        if decisions.len() < MOST || decisions.contains_key(&id) {
            decisions.insert(id, decision);
        }
    }

    pub(crate) fn is_known(&self, id: &RecordId) -> bool {
        self.decisions().contains_key(id)
    }

    /// Takes the decision about a record that was redelivered.
    pub(crate) fn take(&self, id: &RecordId) -> Option<Decision> {
        self.decisions().remove(id)
    }

    fn decisions(&self) -> MutexGuard<'_, HashMap<RecordId, Decision>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::record::MessageSource;

    #[test]
    fn a_decision_is_taken_once_and_a_bounded_number_is_remembered() {
        let decisions = Decisions::default();
        let source = Arc::new(MessageSource::of_topic("/default/t".into()));
        let id = |offset| RecordId::new(Arc::clone(&source), offset, 2, offset);
        let decision = Decision { reason: "too long".to_owned(), is_exhausted: false };
        assert!(decisions.is_empty());
        (0..=MOST as u64).for_each(|offset| decisions.remember(id(offset), decision.clone()));
        assert!(decisions.is_known(&id(0)) && !decisions.is_known(&id(MOST as u64)));
        assert_eq!(decisions.take(&id(0)), Some(decision));
        assert_eq!(decisions.take(&id(0)), None);
    }
}
