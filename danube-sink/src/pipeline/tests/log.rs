//! The messages of one partition as the broker in memory keeps them, with its window and its redeliveries.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use crate::pipeline::{BrokerFailure, Delivery, Receipt};

/// How a broker dispatches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dispatch {
    /// `max_unacked_messages`.
    pub(super) window: usize,
    pub(super) ack_timeout: Duration,
}

/// What is sent but not taken by the consumer yet; beyond it, the dispatcher stands still and takes no acks.
const SLOTS: usize = 4;

/// One partition and its one subscription.
pub(super) struct Log {
    topic: String,
    dispatch: Dispatch,
    messages: Vec<Stored>,
    /// The first offset that was never sent.
    next: usize,
    /// Sent and not acknowledged.
    pending: BTreeMap<usize, Pending>,
    /// Counts the consumers that were attached so far.
    consumers: u64,
    attached: bool,
    /// Why the last consumer's stream ended; `None` is an end without an error.
    end: Option<BrokerFailure>,
}

pub(super) struct Stored {
    /// In the ledger.
    pub(super) number: usize,
    pub(super) payload: Bytes,
    pub(super) schema: Option<(u64, Option<u32>)>,
    pub(super) publish_time: u64,
}

struct Pending {
    attempts: u32,
    standing: Standing,
}

#[derive(Clone, Copy)]
enum Standing {
    Sent { deadline: Instant },
    Waiting { until: Instant },
}

/// What a stream has to do.
pub(super) enum Next {
    Deliver(usize, Delivery),
    End(Option<BrokerFailure>),
    /// Nothing before that time, unless something changes.
    Wait(Option<Instant>),
}

/// What became of an acknowledgement.
pub(super) enum Acked {
    Counted(usize),
    /// It came while the message waited to be sent again.
    Ignored(usize),
    Unknown,
    /// The dispatcher cannot take it before somebody reads.
    Blocked,
}

impl Log {
    pub(super) fn new(topic: &str, dispatch: Dispatch) -> Self {
        Self {
            topic: topic.to_owned(),
            dispatch,
            messages: Vec::new(),
            next: 0,
            pending: BTreeMap::new(),
            consumers: 0,
            attached: false,
            end: None,
        }
    }

    pub(super) fn publish(&mut self, message: Stored) {
        self.messages.push(message);
    }

    pub(super) fn attach(&mut self) -> u64 {
        self.detach(self.consumers, None);
        self.consumers += 1;
        self.attached = true;
        self.consumers
    }

    pub(super) fn serves(&self, consumer: u64) -> bool {
        self.attached && self.consumers == consumer
    }

    pub(super) fn consumer(&self) -> u64 {
        self.consumers
    }

    /// What was sent is to be sent again, at once when a consumer attaches.
    pub(super) fn detach(&mut self, consumer: u64, end: Option<BrokerFailure>) {
        if self.serves(consumer) {
            self.attached = false;
            self.end = end;
            let until = Instant::now();
            self.pending.values_mut().for_each(|pending| pending.standing = Standing::Waiting { until });
        }
    }

    /// The broker forgets everything; answers what it had.
    pub(super) fn restart(&mut self) -> Vec<Stored> {
        self.pending.clear();
        self.next = 0;
        std::mem::take(&mut self.messages)
    }

    pub(super) fn next(&mut self, consumer: u64) -> Next {
        if !self.serves(consumer) {
            return Next::End(self.end.clone());
        }
        let now = Instant::now();
        self.expire(now);
        let due = self.pending.iter().find(|(_, pending)| pending.is_due(now)).map(|(offset, _)| *offset);
        if let Some(offset) = due {
            return self.send(offset, now);
        }
        if self.next < self.messages.len() && self.pending.len() < self.dispatch.window {
            self.next += 1;
            return self.send(self.next - 1, now);
        }
        Next::Wait(self.pending.values().map(Pending::changes).min())
    }

    pub(super) fn ack(&mut self, receipt: &Receipt) -> Acked {
        let now = Instant::now();
        self.expire(now);
        let offset = usize::try_from(receipt.offset).unwrap();
        if self.attached && self.ready(now) > SLOTS {
            return Acked::Blocked;
        }
        let Some(number) = self.messages.get(offset).map(|message| message.number) else { return Acked::Unknown };
        match self.pending.get(&offset).map(|pending| pending.standing) {
            Some(Standing::Sent { .. }) => {
                self.pending.remove(&offset);
                Acked::Counted(number)
            }
            Some(Standing::Waiting { .. }) => Acked::Ignored(number),
            // Acknowledged before, or never sent.
            None => Acked::Unknown,
        }
    }

    /// An acknowledgement that is answered and does not count.
    pub(super) fn lose_ack(&self, receipt: &Receipt) -> Acked {
        let offset = usize::try_from(receipt.offset).unwrap();
        self.messages.get(offset).map_or(Acked::Unknown, |message| Acked::Ignored(message.number))
    }

    /// How many messages the dispatcher would send now.
    fn ready(&self, now: Instant) -> usize {
        let again = self.pending.values().filter(|pending| pending.is_due(now)).count();
        let room = self.dispatch.window.saturating_sub(self.pending.len());
        again + room.min(self.messages.len() - self.next)
    }

    fn expire(&mut self, now: Instant) {
        for pending in self.pending.values_mut() {
            if let Standing::Sent { deadline } = pending.standing
                && deadline <= now
            {
                let backoff = Duration::from_secs(1 << (pending.attempts - 1).min(6)).min(Duration::from_secs(60));
                pending.standing = Standing::Waiting { until: deadline + backoff };
            }
        }
    }

    fn send(&mut self, offset: usize, now: Instant) -> Next {
        let standing = Standing::Sent { deadline: now + self.dispatch.ack_timeout };
        let pending = self.pending.entry(offset).or_insert(Pending { attempts: 0, standing });
        pending.attempts += 1;
        pending.standing = standing;
        let message = &self.messages[offset];
        let delivery = Delivery {
            payload: message.payload.clone(),
            publish_time: message.publish_time,
            producer: "producer".to_owned(),
            attributes: [("origin".to_owned(), self.topic.clone())].into(),
            key: None,
            schema: message.schema,
            receipt: Receipt {
                offset: offset as u64,
                producer_id: 7,
                sequence: offset as u64,
                broker_address: "memory".to_owned(),
            },
        };
        Next::Deliver(message.number, delivery)
    }
}

impl Pending {
    fn is_due(&self, now: Instant) -> bool {
        matches!(self.standing, Standing::Waiting { until } if until <= now)
    }

    fn changes(&self) -> Instant {
        match self.standing {
            Standing::Sent { deadline } => deadline,
            Standing::Waiting { until } => until,
        }
    }
}
