//! One partition of a lane: what is in hand of it, and where its acknowledgements go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::Notify, time::Instant};

use super::{
    broker::{Receipt, Session},
    hands::{Hands, Identity},
};

/// A partition, or a topic that has none.
pub(crate) struct Partition {
    /// Its own topic name.
    pub(crate) topic: Arc<str>,
    pub(crate) number: Option<u32>,
    hands: Mutex<Hands>,
    session: Mutex<Option<Arc<dyn Session>>>,
    /// Told when nothing is in hand any more.
    emptied: Notify,
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
            emptied: Notify::new(),
        }
    }

    pub(crate) fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The messages are done.
    pub(crate) fn settle(&self, ids: &[Identity]) {
        self.update(|hands| hands.settle(ids, Instant::now()));
    }

    /// The message is not worked on any more.
    pub(crate) fn let_go(&self, id: Identity) {
        self.update(|hands| hands.let_go(id));
    }

    /// Returns when nothing is in hand.
    pub(crate) async fn emptied(&self) {
        while !self.hands().are_empty() {
            self.emptied.notified().await;
        }
    }

    fn update(&self, change: impl FnOnce(&mut Hands)) {
        let mut hands = self.hands();
        change(&mut hands);
        if hands.are_empty() {
            self.emptied.notify_one();
        }
    }

    /// The consumer that is attached now, if one is.
    pub(crate) fn session(&self) -> Option<Arc<dyn Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn attached(&self, session: Option<Arc<dyn Session>>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }
}
