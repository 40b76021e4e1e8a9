//! The messages of one partition as the broker in memory keeps them, with its window and its redeliveries.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use crate::pipeline::{AckToken, BrokerFailure, Message};

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
    /// Sent and not acknowledged, by offset: until the deadline, and from then on until it is sent again.
    sent: BTreeMap<usize, Pending>,
    waiting: BTreeMap<usize, Pending>,
    /// Acknowledgements of the newest message that overtook those of older ones.
    overtakings: usize,
    /// No deadline passes before it.
    expires: Option<Instant>,
    /// Counts the consumers that were attached so far.
    consumers: u64,
    attached: bool,
    /// A consumer from elsewhere has the name.
    taken_over: bool,
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
    /// The deadline, or when it is sent again.
    until: Instant,
}

/// What a stream has to do.
pub(super) enum Next {
    Deliver(usize, Message),
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
            sent: BTreeMap::new(),
            waiting: BTreeMap::new(),
            overtakings: 0,
            expires: None,
            consumers: 0,
            attached: false,
            taken_over: false,
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
        self.taken_over = false;
        self.consumers
    }

    /// A consumer of the same name subscribes from elsewhere, and reads nothing.
    pub(super) fn take_over(&mut self) -> Vec<usize> {
        let unsettled = self.detach(self.consumers, None);
        self.taken_over = true;
        unsettled
    }

    /// The consumer from elsewhere disconnects.
    pub(super) fn leave(&mut self) {
        self.taken_over = false;
    }

    /// What the broker says of the consumer's name, whoever has it.
    pub(super) fn is_healthy(&self, consumer: u64) -> bool {
        self.serves(consumer) || self.taken_over
    }

    pub(super) fn serves(&self, consumer: u64) -> bool {
        self.attached && self.consumers == consumer
    }

    pub(super) fn consumer(&self) -> u64 {
        self.consumers
    }

    /// What was sent is to be sent again, at once when a consumer attaches. Answers what that is.
    pub(super) fn detach(&mut self, consumer: u64, end: Option<BrokerFailure>) -> Vec<usize> {
        if !self.serves(consumer) {
            return Vec::new();
        }
        self.attached = false;
        self.end = end;
        let until = Instant::now();
        self.waiting.append(&mut self.sent);
        self.waiting.values_mut().for_each(|pending| pending.until = until);
        self.waiting.keys().map(|offset| self.messages[*offset].number).collect()
    }

    /// The broker forgets everything; answers what it had.
    pub(super) fn restart(&mut self) -> Vec<Stored> {
        self.sent.clear();
        self.waiting.clear();
        self.next = 0;
        std::mem::take(&mut self.messages)
    }

    pub(super) fn next(&mut self, consumer: u64) -> Next {
        if !self.serves(consumer) {
            return Next::End(self.end.clone());
        }
        let now = Instant::now();
        self.expire(now);
        let due = self.waiting.iter().find(|(_, pending)| pending.until <= now).map(|(offset, _)| *offset);
        if let Some(offset) = due {
            return self.send(offset, now);
        }
        if self.next < self.messages.len() && self.room() > 0 {
            self.next += 1;
            return self.send(self.next - 1, now);
        }
        Next::Wait(self.sent.values().chain(self.waiting.values()).map(|pending| pending.until).min())
    }

    pub(super) fn ack(&mut self, token: &AckToken) -> Acked {
        let now = Instant::now();
        self.expire(now);
        let offset = usize::try_from(token.offset).unwrap();
        if self.attached && self.is_blocked(now) {
            return Acked::Blocked;
        }
        let Some(number) = self.messages.get(offset).map(|message| message.number) else { return Acked::Unknown };
        if self.sent.remove(&offset).is_some() {
            self.overtakings += usize::from(offset + 1 == self.next && !self.sent.is_empty());
            Acked::Counted(number)
        } else if self.waiting.contains_key(&offset) {
            Acked::Ignored(number)
        } else {
            // Acknowledged before, or never sent.
            Acked::Unknown
        }
    }

    pub(super) fn overtakings(&self) -> usize {
        self.overtakings
    }

    /// Which message a token names.
    pub(super) fn number(&self, token: &AckToken) -> Option<usize> {
        self.messages.get(usize::try_from(token.offset).unwrap()).map(|message| message.number)
    }

    /// Whether there is more to send than fits between broker and consumer.
    fn is_blocked(&self, now: Instant) -> bool {
        let again = self.waiting.values().filter(|pending| pending.until <= now).take(SLOTS + 1).count();
        again + self.room().min(self.messages.len() - self.next) > SLOTS
    }

    fn room(&self) -> usize {
        self.dispatch.window.saturating_sub(self.sent.len() + self.waiting.len())
    }

    fn expire(&mut self, now: Instant) {
        if self.expires.is_none_or(|expires| now < expires) {
            return;
        }
        for (offset, Pending { attempts, until }) in self.sent.extract_if(.., |_, pending| pending.until <= now) {
            let backoff = Duration::from_secs(1 << (attempts - 1).min(6)).min(Duration::from_secs(60));
            self.waiting.insert(offset, Pending { attempts, until: until + backoff });
        }
        self.expires = self.sent.values().map(|pending| pending.until).min();
    }

    fn send(&mut self, offset: usize, now: Instant) -> Next {
        let attempts = self.waiting.remove(&offset).map_or(0, |pending| pending.attempts) + 1;
        let until = now + self.dispatch.ack_timeout;
        self.sent.insert(offset, Pending { attempts, until });
        self.expires = Some(self.expires.map_or(until, |expires| expires.min(until)));
        let message = &self.messages[offset];
        let delivery = Message {
            payload: message.payload.clone(),
            publish_time: message.publish_time,
            producer: "producer".into(),
            attributes: [("origin".to_owned(), self.topic.clone())].into(),
            key: None,
            schema: message.schema,
            token: AckToken {
                offset: offset as u64,
                producer_id: 7,
                sequence: offset as u64,
                broker_address: "memory".into(),
            },
        };
        Next::Deliver(message.number, delivery)
    }
}
