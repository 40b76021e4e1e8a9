//! One partition of a lane: what is in hand of it, and where its acknowledgements go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    broker::{Receipt, Session},
    hands::Hands,
};

/// A partition, or a topic that has none.
pub(crate) struct Partition {
    /// Its own topic name.
    pub(crate) topic: Arc<str>,
    pub(crate) number: Option<u32>,
    hands: Mutex<Hands>,
    session: Mutex<Option<Arc<dyn Session>>>,
}

/// An acknowledgement on its way out.
pub(crate) struct Ack {
    pub(crate) partition: Arc<Partition>,
    pub(crate) receipt: Receipt,
}

impl Partition {
    pub(crate) fn new(topic: &str) -> Self {
        Self {
            number: topic.rsplit_once("-part-").and_then(|(_, number)| number.parse().ok()),
            topic: topic.into(),
            hands: Mutex::default(),
            session: Mutex::default(),
        }
    }

    pub(crate) fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The consumer that is attached now, if one is.
    pub(crate) fn session(&self) -> Option<Arc<dyn Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn attached(&self, session: Option<Arc<dyn Session>>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }
}
