//! Decisions about records that went back to the broker before they were settled.
//!
//! A refused record may wait long for its dead letter, and is given back meanwhile to free its memory. When the broker
//! redelivers it, it must not be written: that would be a second verdict, and out of order.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{dead_letters::beginning, outcome::Rejected, partition::Partition};
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
        self.remember(id, Decision { reason: beginning(&rejected.reason), is_exhausted });
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

    /// Forgets decisions about records of a partition that will not be redelivered: other processes have them.
    pub(crate) fn retain(&self, topic: &str, mut will_return: impl FnMut(&RecordId) -> bool) {
        self.decisions().retain(|id, _| id.topic() != topic || will_return(id));
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

    #[test]
    fn decisions_of_a_partition_are_kept_for_what_will_be_redelivered() {
        let decisions = Decisions::default();
        let sources = ["/default/t", "/default/other"].map(|topic| Arc::new(MessageSource::of_topic(topic.into())));
        let id = |source: &Arc<MessageSource>, offset| RecordId::new(Arc::clone(source), offset, 2, offset);
        for (source, offset) in sources.iter().flat_map(|source| [(source, 1), (source, 2)]) {
            decisions.remember(id(source, offset), Decision { reason: "too long".to_owned(), is_exhausted: false });
        }
        decisions.retain("/default/t", |id| id.offset() == 2);
        let [of_topic, other] = &sources;
        let known = [(of_topic, 1), (of_topic, 2), (other, 1), (other, 2)]
            .map(|(of, offset)| decisions.is_known(&id(of, offset)));
        assert_eq!(known, [false, true, true, true]);
    }
}
