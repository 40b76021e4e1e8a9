//! A broker in memory that behaves as Danube was observed to, and fails as a test scripts it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, future::join_all, stream};
use tokio::{
    sync::Notify,
    time::{sleep, sleep_until},
};

use super::{
    faults::{Fault, Faults},
    ledger::{Entry, Ledger},
    log::{Acked, Dispatch, Log, Next, Stored},
};
use crate::{
    pipeline::{
        AckAnswers, AckToken, Attachment, Broker, BrokerFailure, CHUNK_MESSAGES, Chunks, Consumer, DeadLetter,
        FailureKind, Message, Session,
    },
    schema::{SchemaInfo, SchemaType},
};

/// A broker with one subscription for each topic. Clones share it.
#[derive(Clone)]
pub(super) struct MemoryBroker(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Wakes streams and acknowledgements that wait.
    changed: Notify,
    ledger: Ledger,
}

#[derive(Default)]
struct State {
    logs: BTreeMap<String, Log>,
    faults: Faults,
    dead_letters: Vec<(String, DeadLetter)>,
    /// Calls that published dead letters.
    publishes: usize,
    removed: BTreeSet<String>,
    /// Differs for every message, over restarts too.
    clock: u64,
}

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    WithSchema,
    /// Its payload does not match its schema.
    Invalid,
    /// The registry does not have its schema.
    Unregistered,
}

const BYTES_SCHEMA: u64 = 1;
const JSON_SCHEMA: u64 = 2;
pub(super) const AVRO_SCHEMA: u64 = 4;

/// The number of a message in the ledger, read from its payload.
pub(super) fn number_of(payload: &[u8]) -> usize {
    usize::from_le_bytes(payload[..8].try_into().unwrap())
}

impl MemoryBroker {
    pub(super) fn new(ledger: &Ledger) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), changed: Notify::new(), ledger: ledger.clone() }))
    }

    pub(super) fn create(&self, topic: &str, dispatch: Dispatch) {
        self.0.state().logs.insert(topic.to_owned(), Log::new(topic, dispatch, &self.0.ledger));
    }

    /// Publishes one message of so many bytes. Returns its number.
    pub(super) fn publish(&self, topic: &str, bytes: usize, kind: Kind, skips: bool) -> usize {
        self.publish_keyed(topic, None, bytes, kind, skips)
    }

    /// The same, with a routing key.
    pub(super) fn publish_keyed(&self, topic: &str, key: Option<&str>, bytes: usize, kind: Kind, skips: bool) -> usize {
        let invalid = matches!(kind, Kind::Invalid | Kind::Unregistered);
        let number = self.0.ledger.published(Entry::new(topic, key, invalid, skips));
        let mut payload = number.to_le_bytes().to_vec();
        payload.resize(bytes.max(8), b'.');
        let schema = match kind {
            Kind::Plain => None,
            Kind::WithSchema => Some((BYTES_SCHEMA, Some(1))),
            Kind::Invalid => Some((JSON_SCHEMA, Some(1))),
            Kind::Unregistered => Some((3, Some(1))),
        };
        let mut state = self.0.state();
        state.clock += 1;
        let (publish_time, key) = (1_700_000_000_000 + state.clock, key.map(str::to_owned));
        state.log(topic).publish(Stored { number, payload: payload.into(), key, schema, publish_time });
        self.0.changed.notify_waiters();
        number
    }

    pub(super) fn begin(&self, fault: Fault, lasts: Duration) {
        self.0.state().faults.begin(fault, lasts);
    }

    pub(super) fn heal(&self) {
        self.0.state().faults.heal();
    }

    /// Ends the stream of a partition, with an error or without.
    pub(super) fn end_stream(&self, topic: &str, failed: bool) {
        let failure = failed.then(|| BrokerFailure::new(FailureKind::Unreachable, "the stream broke"));
        let mut state = self.0.state();
        let log = state.log(topic);
        let consumer = log.consumer();
        self.0.detach(log, consumer, failure);
        self.0.changed.notify_waiters();
    }

    /// A consumer of the same name attaches from another process and dies before it opens its stream.
    pub(super) fn take_over(&self, topic: &str) {
        let unsettled = self.0.state().log(topic).take_over();
        unsettled.into_iter().for_each(|number| self.0.ledger.awaits_redelivery(number));
        self.0.changed.notify_waiters();
    }

    /// The broker notices that the consumer of the other process is gone.
    pub(super) fn leave(&self, topic: &str) {
        self.0.state().log(topic).leave();
    }

    /// Returns when the next consumer attaches.
    pub(super) async fn attached(&self, topic: &str) {
        let before = self.0.state().log(topic).consumer();
        while self.0.state().log(topic).consumer() == before {
            self.0.changed.notified().await;
        }
    }

    /// The broker restarts without its storage: its messages are gone, and offsets restart at 0.
    pub(super) fn restart(&self, topic: &str) {
        self.end_stream(topic, true);
        for message in self.0.state().log(topic).restart() {
            self.0.ledger.lost(message.number);
        }
    }

    /// The broker reloads the topic with its log, and sends everything from its cursor on.
    pub(super) fn reload(&self, topic: &str) {
        self.end_stream(topic, true);
        self.0.state().log(topic).reload();
        self.0.changed.notify_waiters();
    }

    /// Whether it waits for the next message to be published.
    pub(super) fn is_hung(&self, topic: &str) -> bool {
        self.0.state().log(topic).is_hung()
    }

    /// How many consumers have attached so far.
    pub(super) fn attaches(&self, topic: &str) -> u64 {
        self.0.state().log(topic).consumer()
    }

    /// The topic exists no more.
    pub(super) fn remove(&self, topic: &str) {
        self.0.state().removed.insert(topic.to_owned());
        self.end_stream(topic, true);
    }

    /// How often the newest message was acknowledged while an older one was out.
    pub(super) fn overtakings(&self, topic: &str) -> usize {
        self.0.state().log(topic).overtakings()
    }

    /// How many calls published dead letters.
    pub(super) fn publishes(&self) -> usize {
        self.0.state().publishes
    }

    pub(super) fn dead_letters(&self) -> Vec<(String, DeadLetter)> {
        self.0.state().dead_letters.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn detach(&self, log: &mut Log, consumer: u64, end: Option<BrokerFailure>) {
        log.detach(consumer, end).into_iter().for_each(|number| self.ledger.awaits_redelivery(number));
    }
}

impl State {
    fn log(&mut self, topic: &str) -> &mut Log {
        self.logs.get_mut(topic).unwrap()
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn partitions(&self, topic: &str) -> Result<Vec<String>, BrokerFailure> {
        let state = self.0.state();
        state.faults.check(Fault::LookUpFails)?;
        let prefix = format!("{topic}-part-");
        let names = state.logs.keys().filter(|name| *name == topic || name.starts_with(&prefix));
        Ok(names.filter(|name| !state.removed.contains(*name)).cloned().collect())
    }

    async fn attach(&self, consumer: &Consumer) -> Result<Attachment, BrokerFailure> {
        let hanging = self.0.state().faults.outlast(Fault::AttachHangs);
        hanging.await;
        let topic = consumer.topic.to_string();
        let number = {
            let mut state = self.0.state();
            state.faults.check(Fault::AttachFails)?;
            if state.removed.contains(&topic) {
                return Err(BrokerFailure::new(FailureKind::Missing, "no such topic"));
            }
            state.log(&topic).attach()
        };
        self.0.changed.notify_waiters();
        let stream = ConsumerStream { shared: Arc::clone(&self.0), topic: topic.clone(), consumer: number };
        let session = MemorySession { shared: Arc::clone(&self.0), topic, consumer: number };
        Ok(Attachment { chunks: stream.chunks(), session: Arc::new(session) })
    }

    async fn schema(&self, id: u64, version: Option<u32>) -> Result<SchemaInfo, BrokerFailure> {
        self.0.state().faults.check(Fault::RegistryFails)?;
        let schema_type = match id {
            BYTES_SCHEMA => SchemaType::Bytes,
            JSON_SCHEMA => SchemaType::JsonSchema,
            AVRO_SCHEMA => SchemaType::Avro,
            _ => return Err(BrokerFailure::new(FailureKind::Missing, "no such schema")),
        };
        Ok(SchemaInfo {
            subject: format!("subject-{id}"),
            version: version.unwrap_or(1),
            schema_type,
            definition: r#""bytes""#.to_owned(),
            fingerprint: String::new(),
        })
    }

    async fn create_topic(&self, topic: &str, partitions: Option<u32>) -> Result<(), BrokerFailure> {
        let partition = |number| format!("{topic}-part-{number}");
        let names = partitions.map_or_else(|| vec![topic.to_owned()], |count| (0..count).map(partition).collect());
        names.iter().for_each(|name| self.create(name, Dispatch::default()));
        Ok(())
    }

    async fn publish(&self, topic: &str, dead_letters: Vec<DeadLetter>) -> Vec<Result<(), BrokerFailure>> {
        let mut state = self.0.state();
        if state.faults.has(Fault::PublishPanics) {
            drop(state);
            panic!("a broken publisher");
        }
        state.publishes += 1;
        let mut publish = |dead_letter: DeadLetter| {
            state.faults.check(Fault::PublishFails)?;
            self.0.ledger.dead_lettered(number_of(&dead_letter.payload));
            state.dead_letters.push((topic.to_owned(), dead_letter));
            Ok(())
        };
        dead_letters.into_iter().map(&mut publish).collect()
    }
}

/// An open stream; dropping it detaches the consumer.
struct ConsumerStream {
    shared: Arc<Shared>,
    topic: String,
    consumer: u64,
}

impl ConsumerStream {
    fn chunks(self) -> Chunks {
        let next = |attached: Self| async { attached.next().await.map(|chunk| (chunk, attached)) };
        stream::unfold(self, next).boxed()
    }

    /// The messages that can be sent now, as one chunk.
    async fn next(&self) -> Option<Result<Vec<Message>, BrokerFailure>> {
        let mut chunk = Vec::new();
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Registers before it checks, so that no change is missed in between.
            changed.as_mut().enable();
            let next = self.shared.state().log(&self.topic).next(self.consumer);
            match next {
                Next::Deliver(number, message) => {
                    self.shared.ledger.delivered(number);
                    // An acknowledgement may have waited for this to be read.
                    self.shared.changed.notify_waiters();
                    chunk.push(message);
                    if chunk.len() == CHUNK_MESSAGES {
                        return Some(Ok(chunk));
                    }
                }
                _ if !chunk.is_empty() => {
                    if self.shared.state().faults.has(Fault::ChunksAreReversed) {
                        chunk.reverse();
                    }
                    return Some(Ok(chunk));
                }
                Next::End(failure) => return failure.map(Err),
                Next::Wait(None) => changed.await,
                Next::Wait(Some(until)) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(until) => {}
                },
            }
        }
    }
}

impl Drop for ConsumerStream {
    fn drop(&mut self) {
        self.shared.detach(self.shared.state().log(&self.topic), self.consumer, None);
        self.shared.changed.notify_waiters();
    }
}

/// Calls beside the stream. It outlives the stream: an acknowledgement may come from any connection.
struct MemorySession {
    shared: Arc<Shared>,
    topic: String,
    consumer: u64,
}

#[async_trait]
impl Session for MemorySession {
    async fn ack(&self, tokens: Vec<AckToken>) -> AckAnswers {
        let answers = join_all(tokens.iter().map(|token| self.ack_one(token))).await;
        AckAnswers::of(tokens, answers)
    }

    async fn health(&self) -> Result<(), BrokerFailure> {
        let hanging = self.shared.state().faults.outlast(Fault::HealthHangs);
        hanging.await;
        if self.shared.state().log(&self.topic).is_healthy(self.consumer) {
            Ok(())
        } else {
            Err(BrokerFailure::new(FailureKind::Moved, "the consumer was closed"))
        }
    }
}

impl MemorySession {
    async fn ack_one(&self, token: &AckToken) -> Result<(), BrokerFailure> {
        if self.shared.state().faults.has(Fault::AcksOvertake) {
            sleep(Duration::from_millis(100_u64.saturating_sub(token.offset))).await;
        }
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let is_answered = {
                let state = self.shared.state();
                let panics = state.faults.has(Fault::AcksPanic);
                let is_answered = state.faults.check(Fault::AnswersAreLost);
                drop(state);
                assert!(!panics, "a broken session");
                is_answered
            };
            let acked = {
                let mut state = self.shared.state();
                let (fail, lose) = (state.faults.check(Fault::AcksFail), state.faults.has(Fault::AcksAreLost));
                let log = state.log(&self.topic);
                if fail.is_err() || lose {
                    log.number(token).into_iter().for_each(|number| self.shared.ledger.awaits_redelivery(number));
                    return fail;
                }
                log.ack(token)
            };
            match acked {
                Acked::Counted => {
                    self.shared.changed.notify_waiters();
                    return is_answered;
                }
                Acked::Ignored(number) => {
                    self.shared.ledger.awaits_redelivery(number);
                    return Ok(());
                }
                Acked::Unknown | Acked::Deferred => return Ok(()),
                Acked::Blocked => changed.await,
            }
        }
    }
}
