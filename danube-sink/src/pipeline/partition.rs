//! One partition of a lane: what is in hand of it, and where its acknowledgements go.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    broker::{AckToken, BrokerFailure, Session},
    hands::{Hands, Identity},
};

/// A partition, or a topic that has none.
pub(crate) struct Partition {
    /// Its own topic name.
    pub(crate) topic: Arc<str>,
    pub(crate) number: Option<u32>,
    hands: Mutex<Hands>,
    attached: Mutex<Option<Arc<Attached>>>,
    attachments: AtomicU64,
    /// Acknowledgements that are not answered yet.
    leaving: AtomicUsize,
    /// Told when nothing is in hand any more.
    emptied: Notify,
}

/// An acknowledgement on its way out.
pub(crate) struct Ack {
    pub(crate) partition: Arc<Partition>,
    pub(crate) identity: Identity,
    pub(crate) token: AckToken,
    /// Whether the message came again after it was settled.
    pub(crate) again: bool,
    /// The number of the attachment that brought the message last.
    pub(crate) attachment: u64,
}

impl Ack {
    /// Whether it is of the newest message while those of older ones are on their way.
    ///
    /// When the newest is acknowledged and an older one is not, the broker takes the older one for the end of what it
    /// sent, waits for the message after it, and does nothing else before one is published. A consumer that leaves
    /// meanwhile leaves a broker that hangs at its next messages, and so do their publishers.
    pub(crate) fn would_overtake(&self) -> bool {
        let partition = &self.partition;
        partition.leaving.load(Ordering::Relaxed) > 0 && partition.hands().newest() == Some(self.identity.offset())
    }
}

/// One attachment of a consumer, from its first message to the end of its stream.
pub(crate) struct Attached {
    pub(crate) number: u64,
    session: Arc<dyn Session>,
    /// Why the broker takes no acknowledgements.
    refusal: watch::Sender<Option<BrokerFailure>>,
    ended: CancellationToken,
}

impl Partition {
    pub(crate) fn new(topic: &str) -> Self {
        Self {
            number: topic.rsplit_once("-part-").and_then(|(_, number)| number.parse().ok()),
            topic: topic.into(),
            hands: Mutex::default(),
            attached: Mutex::default(),
            attachments: AtomicU64::new(0),
            leaving: AtomicUsize::new(0),
            emptied: Notify::new(),
        }
    }

    pub(crate) fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The messages are done. Returns for each the attachment that its acknowledgement has to go through.
    pub(crate) fn settle(&self, ids: &[Identity], ack_timeout: Duration) -> Vec<u64> {
        self.update(|hands| hands.settle(ids, ack_timeout, Instant::now()))
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

    fn update<T>(&self, change: impl FnOnce(&mut Hands) -> T) -> T {
        let mut hands = self.hands();
        let changed = change(&mut hands);
        if hands.are_empty() {
            self.emptied.notify_one();
        }
        changed
    }

    /// Whether a consumer is attached.
    pub(crate) fn is_attached(&self) -> bool {
        self.attachment().is_some()
    }

    /// The attachment of this number, if it is the one of now.
    ///
    /// An acknowledgement names an offset only, and offsets may start again at 0: through another attachment than the
    /// one that brought the message it might settle a message that nobody has written.
    pub(crate) fn attached_as(&self, number: u64) -> Option<Arc<Attached>> {
        self.attachment().filter(|attached| attached.number == number)
    }

    /// A consumer is attached from now on.
    pub(crate) fn attach(&self, session: Arc<dyn Session>) -> Arc<Attached> {
        let number = self.attachments.fetch_add(1, Ordering::Relaxed) + 1;
        let attached =
            Arc::new(Attached { number, session, refusal: watch::Sender::new(None), ended: CancellationToken::new() });
        self.replace(Some(Arc::clone(&attached)));
        attached
    }

    /// No consumer is attached any more.
    pub(crate) fn detach(&self) {
        self.replace(None);
    }

    /// An acknowledgement is on its way.
    pub(crate) fn ack_leaves(&self) {
        self.leaving.fetch_add(1, Ordering::Relaxed);
    }

    /// It is answered, or given up.
    pub(crate) fn ack_left(&self) {
        self.leaving.fetch_sub(1, Ordering::Relaxed);
    }

    fn attachment(&self) -> Option<Arc<Attached>> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, next: Option<Arc<Attached>>) {
        let before = std::mem::replace(&mut *self.attached.lock().unwrap_or_else(PoisonError::into_inner), next);
        if let Some(before) = before {
            before.ended.cancel();
        }
    }
}

impl Attached {
    /// The broker takes no acknowledgements from us.
    pub(crate) fn refuse(&self, failure: BrokerFailure) {
        self.refusal.send_replace(Some(failure));
    }

    /// Returns when that was found out.
    pub(crate) async fn refused(&self) -> BrokerFailure {
        let mut refusal = self.refusal.subscribe();
        match refusal.wait_for(Option::is_some).await.map(|failure| failure.clone()) {
            Ok(Some(failure)) => failure,
            // It fails only without a sender, which this is.
            _ => std::future::pending().await,
        }
    }

    /// Acknowledges, unless the attachment ends meanwhile: a call that waits for the connection to come back must not
    /// leave then. `None` if it ended.
    pub(crate) async fn ack(&self, token: AckToken) -> Option<Result<(), BrokerFailure>> {
        let mut failures = self.ended.run_until_cancelled(self.session.ack(vec![token])).await?;
        Some(failures.pop().map_or(Ok(()), |(_, failure)| Err(failure)))
    }
}
