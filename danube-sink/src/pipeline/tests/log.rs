//! The log of one partition in the broker in memory, with its window and its redeliveries.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    behaviour::{Behaviour, Reader},
    ledger::Ledger,
};
use crate::{
    pipeline::{AckToken, BrokerFailure, Message},
    record::MessageSource,
};

/// How a broker dispatches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dispatch {
    /// `max_unacked_messages`.
    pub(super) window: usize,
    pub(super) ack_timeout: Duration,
    pub(super) behaviour: Behaviour,
}

impl Default for Dispatch {
    fn default() -> Self {
        Self { window: 10, ack_timeout: Duration::from_secs(30), behaviour: Behaviour::default() }
    }
}

/// Sent messages that the consumer has not read yet; beyond them, the dispatcher stands still and takes no acks.
const SLOTS: usize = 4;

/// One partition and its one subscription.
pub(super) struct Log {
    topic: String,
    dispatch: Dispatch,
    ledger: Ledger,
    messages: Vec<Stored>,
    reader: Reader,
    /// Sent and not acknowledged, by offset: until the deadline, and then until the redelivery.
    sent: BTreeMap<usize, Pending>,
    waiting: BTreeMap<usize, Pending>,
    /// Acknowledgements of the newest message that overtook those of older ones.
    overtakings: usize,
    /// After an overtaking, until something is published; acknowledgements wait meanwhile.
    is_hung: bool,
    deferred: Vec<usize>,
    /// A message was delivered too often.
    is_poisoned: bool,
    /// No deadline passes before it.
    expires: Option<Instant>,
    /// Counts the consumers that were attached so far.
    consumers: u64,
    attached: bool,
    /// A consumer of another process has the name.
    taken_over: bool,
    /// Why the last consumer's stream ended; `None` is an end without an error.
    end: Option<BrokerFailure>,
}

pub(super) struct Stored {
    /// In the ledger.
    pub(super) number: usize,
    pub(super) payload: Bytes,
    pub(super) key: Option<String>,
    pub(super) schema: Option<(u64, Option<u32>)>,
    pub(super) publish_time: u64,
}

struct Pending {
    attempts: u32,
    /// The attach has counted the attempt that comes next.
    is_counted: bool,
    /// The deadline, or the time of the redelivery.
    until: Instant,
}

/// The next step of a stream.
pub(super) enum Next {
    Deliver(usize, Message),
    End(Option<BrokerFailure>),
    /// Nothing before that time, unless something changes.
    Wait(Option<Instant>),
}

/// The effect of an acknowledgement.
pub(super) enum Acked {
    Counted,
    /// It arrived while the message waited for its redelivery.
    Ignored(usize),
    /// The dispatcher hangs, and takes it later.
    Deferred,
    Unknown,
    /// The dispatcher cannot take it before the consumer reads.
    Blocked,
}

impl Log {
    pub(super) fn new(topic: &str, dispatch: Dispatch, ledger: &Ledger) -> Self {
        Self {
            topic: topic.to_owned(),
            dispatch,
            ledger: ledger.clone(),
            messages: Vec::new(),
            reader: Reader::new(dispatch.behaviour),
            sent: BTreeMap::new(),
            waiting: BTreeMap::new(),
            overtakings: 0,
            is_hung: false,
            deferred: Vec::new(),
            is_poisoned: false,
            expires: None,
            consumers: 0,
            attached: false,
            taken_over: false,
            end: None,
        }
    }

    pub(super) fn publish(&mut self, message: Stored) {
        if self.is_poisoned {
            self.ledger.lost(message.number);
        }
        self.messages.push(message);
        self.is_hung = false;
        for offset in std::mem::take(&mut self.deferred) {
            if self.sent.remove(&offset).or_else(|| self.waiting.remove(&offset)).is_some() {
                self.take(offset);
            }
        }
    }

    pub(super) fn attach(&mut self) -> u64 {
        self.detach(self.consumers, None);
        self.consumers += 1;
        self.attached = true;
        self.taken_over = false;
        if self.dispatch.behaviour.counts_attaches {
            for pending in self.waiting.values_mut() {
                pending.attempts += 1;
                pending.is_counted = true;
            }
        }
        self.consumers
    }

    /// A consumer of the same name subscribes from another process, and reads nothing.
    pub(super) fn take_over(&mut self) -> Vec<usize> {
        let unsettled = self.detach(self.consumers, None);
        self.taken_over = true;
        unsettled
    }

    /// The consumer of the other process disconnects.
    pub(super) fn leave(&mut self) {
        self.taken_over = false;
    }

    /// The answer to a health check of the consumer's name, whoever has it.
    pub(super) fn is_healthy(&self, consumer: u64) -> bool {
        self.serves(consumer) || (consumer < self.consumers && self.attached) || self.taken_over
    }

    pub(super) fn serves(&self, consumer: u64) -> bool {
        self.attached && self.consumers == consumer
    }

    pub(super) fn consumer(&self) -> u64 {
        self.consumers
    }

    /// Schedules sent messages for redelivery, at once when a consumer attaches. Returns which.
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

    /// The broker forgets everything. Returns what it had.
    pub(super) fn restart(&mut self) -> Vec<Stored> {
        self.sent.clear();
        self.waiting.clear();
        self.deferred.clear();
        self.is_hung = false;
        self.reader.restart_offsets();
        std::mem::take(&mut self.messages)
    }

    /// The broker reloads the topic with its log.
    pub(super) fn reload(&mut self) {
        self.sent.clear();
        self.waiting.clear();
        self.deferred.clear();
        self.is_hung = false;
        // Messages below the cursor of before a restart are skipped, as in the order of the log.
        let below = self.reader.next()..self.reader.cursor().min(self.messages.len());
        self.messages.get(below).unwrap_or_default().iter().for_each(|message| self.ledger.skipped(message.number));
        self.reader.reload(self.messages.len());
        let redelivered = self.messages.get(self.reader.cursor()..).unwrap_or_default();
        redelivered.iter().for_each(|message| self.ledger.redelivers(message.number));
    }

    pub(super) fn next(&mut self, consumer: u64) -> Next {
        if !self.serves(consumer) {
            return Next::End(self.end.clone());
        }
        let now = Instant::now();
        if self.is_hung || self.is_poisoned {
            return Next::Wait(None);
        }
        self.expire(now);
        let due = self.waiting.iter().find(|(_, pending)| pending.until <= now).map(|(offset, _)| *offset);
        if let Some(offset) = due {
            return self.send(offset, now);
        }
        if self.room() > 0 {
            self.skip();
            if self.reader.next() < self.messages.len() {
                let offset = self.reader.advance();
                return self.send(offset, now);
            }
        }
        Next::Wait(self.sent.values().chain(self.waiting.values()).map(|pending| pending.until).min())
    }

    pub(super) fn ack(&mut self, token: &AckToken) -> Acked {
        let now = Instant::now();
        self.expire(now);
        let offset = usize::try_from(token.offset).unwrap();
        if self.is_hung {
            self.deferred.push(offset);
            return Acked::Deferred;
        }
        if self.attached && self.is_blocked(now) {
            return Acked::Blocked;
        }
        let Some(number) = self.messages.get(offset).map(|message| message.number) else { return Acked::Unknown };
        if self.sent.remove(&offset).is_some() {
            if offset + 1 == self.reader.next() && !(self.sent.is_empty() && self.waiting.is_empty()) {
                self.overtakings += 1;
                self.is_hung = self.dispatch.behaviour.hangs;
            }
            self.take(offset);
            Acked::Counted
        } else if self.waiting.contains_key(&offset) {
            Acked::Ignored(number)
        } else {
            // Acknowledged already, or never sent.
            Acked::Unknown
        }
    }

    pub(super) fn is_hung(&self) -> bool {
        self.is_hung
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
        let overdue = self.waiting.values().filter(|pending| pending.until <= now).take(SLOTS + 1).count();
        overdue + self.room().min(self.messages.len() - self.reader.next()) > SLOTS
    }

    fn take(&mut self, offset: usize) {
        self.reader.acked(offset);
        self.ledger.acked(self.messages[offset].number);
    }

    /// The messages that the reader skips are lost.
    fn skip(&mut self) {
        let Range { start, end } = self.reader.skip(self.messages.len());
        self.messages[start..end].iter().for_each(|message| self.ledger.skipped(message.number));
    }

    fn room(&self) -> usize {
        self.dispatch.window.saturating_sub(self.sent.len() + self.waiting.len())
    }

    fn expire(&mut self, now: Instant) {
        if self.expires.is_none_or(|expires| now < expires) {
            return;
        }
        for (offset, Pending { attempts, until, .. }) in self.sent.extract_if(.., |_, pending| pending.until <= now) {
            let backoff = Duration::from_secs(1 << (attempts - 1).min(6)).min(Duration::from_secs(60));
            self.waiting.insert(offset, Pending { attempts, is_counted: false, until: until + backoff });
        }
        self.expires = self.sent.values().map(|pending| pending.until).min();
    }

    fn send(&mut self, offset: usize, now: Instant) -> Next {
        let before = self.waiting.remove(&offset);
        let attempts = before.map_or(1, |pending| pending.attempts + u32::from(!pending.is_counted));
        if self.dispatch.behaviour.max_redelivery_count.is_some_and(|most| attempts > 1 + most) {
            self.is_poisoned = true;
            self.ledger.poisoned(&self.topic, self.messages[offset].number);
            return Next::Wait(None);
        }
        let message = &self.messages[offset];
        let offset = if self.dispatch.behaviour.is_unreliable {
            0
        } else {
            let until = now + self.dispatch.ack_timeout;
            self.sent.insert(offset, Pending { attempts, is_counted: false, until });
            self.expires = Some(self.expires.map_or(until, |expires| expires.min(until)));
            offset
        };
        let delivery = Message {
            payload: message.payload.clone(),
            offset: offset as u64,
            publish_time: message.publish_time,
            attributes: Some(Box::new([("origin".to_owned(), self.topic.clone())].into())),
            key: message.key.clone(),
            token: AckToken {
                offset: offset as u64,
                sequence: offset as u64,
                source: Arc::new(MessageSource {
                    producer_id: 7,
                    schema: message.schema,
                    ..MessageSource::of_topic(self.topic.as_str().into())
                }),
            },
        };
        Next::Deliver(message.number, delivery)
    }
}
