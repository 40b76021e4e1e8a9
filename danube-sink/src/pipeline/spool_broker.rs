//! The spool as a broker: the delivery reads its logs as it would read partitions.
//!
//! Its window is what the delivery wants to have in hand, and a record that is acknowledged is settled in its log. Schemas and
//! dead letters are Danube's.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::task::{JoinError, spawn_blocking};

use super::{
    broker::{
        AckAnswers, AckToken, Attachment, Broker, BrokerFailure, CHUNK_BYTES, Consumer, DeadLetter, FailureKind,
        Message, Session,
    },
    budget::{Budget, Charged},
};
use crate::{
    schema::SchemaInfo,
    spool::{Log, MappingSpool, Reader, StoredRecord},
};

/// The spool of one mapping, and the broker behind it.
pub(crate) struct SpoolBroker {
    pub(crate) spool: Arc<MappingSpool>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) budget: Budget,
}

/// The session of a log's reader.
struct SpoolSession {
    log: Arc<Log>,
    /// Whether the log of an older generation was read to its end.
    has_ended: AtomicBool,
    position: AtomicU64,
    /// The memory for the last chunk.
    reserved: Mutex<Option<Charged>>,
}

#[async_trait]
impl Broker for SpoolBroker {
    async fn partitions(&self, _: &str) -> Result<Vec<String>, BrokerFailure> {
        Ok(self.spool.readable().into_iter().map(|(name, _)| name).collect())
    }

    async fn more_partitions(&self) {
        self.spool.more().await;
    }

    async fn create_topic(&self, topic: &str, partitions: Option<u32>) -> Result<(), BrokerFailure> {
        self.broker.create_topic(topic, partitions).await
    }

    async fn attach(&self, consumer: &Consumer) -> Result<Attachment, BrokerFailure> {
        let log = self.spool.readable().into_iter().find(|(name, _)| **name == *consumer.topic);
        let (_, log) =
            log.ok_or_else(|| BrokerFailure::new(FailureKind::Missing, "the log is delivered and removed"))?;
        let reader = Some(Reader::new(Arc::clone(&log)));
        let (has_ended, position, reserved) = (AtomicBool::new(false), AtomicU64::new(0), Mutex::default());
        let session = Arc::new(SpoolSession { log, has_ended, position, reserved });
        let first = (reader, Arc::clone(&session), Arc::clone(&self.spool), self.budget.clone());
        let chunks = stream::unfold(first, |(reader, session, spool, budget)| async move {
            let (chunk, reader) = next(reader?, &session, &spool, &budget).await;
            if spool.is_older(&session.log) && reader.as_ref().is_some_and(|reader| !reader.has_more()) {
                session.has_ended.store(true, Ordering::Relaxed);
            }
            Some((chunk, (reader, session, spool, budget)))
        });
        Ok(Attachment { chunks: chunks.boxed(), session })
    }

    async fn schema(&self, id: u64, version: Option<u32>) -> Result<SchemaInfo, BrokerFailure> {
        self.broker.schema(id, version).await
    }

    async fn publish(&self, topic: &str, dead_letters: Vec<DeadLetter>) -> Vec<Result<(), BrokerFailure>> {
        self.broker.publish(topic, dead_letters).await
    }
}

/// Reads the next chunk of a log, once there is one.
async fn next(
    mut reader: Reader,
    session: &SpoolSession,
    spool: &MappingSpool,
    budget: &Budget,
) -> (Result<Vec<Message>, BrokerFailure>, Option<Reader>) {
    let log = &session.log;
    spool.turn(log).await;
    loop {
        let changed = log.changed();
        tokio::pin!(changed);
        // Registers before it checks, so that no change is missed in between.
        changed.as_mut().enable();
        if !reader.has_more() {
            reader.close_removed();
            changed.await;
            continue;
        }
        // Before it is read: a thousand logs may be read at once.
        let reserved = budget.reserve(CHUNK_BYTES).await;
        let read = spawn_blocking(move || (reader.read(), reader)).await;
        if let Ok((_, reader)) = &read {
            session.position.store(reader.position(), Ordering::Relaxed);
        }
        match read {
            Ok((Ok(records), rest)) if records.is_empty() => reader = rest,
            Ok((Ok(records), rest)) => {
                *session.reserved() = Some(reserved);
                return (Ok(records.into_iter().map(message).collect()), Some(rest));
            }
            Ok((Err(error), _)) => return (Err(unreadable(&error.to_string())), None),
            Err(error) => return (Err(panicked(&error)), None),
        }
    }
}

fn message(record: StoredRecord) -> Message {
    let StoredRecord { position, offset, sequence, publish_time, attributes, key, payload, source } = record;
    Message { payload, offset, publish_time, attributes, key, token: AckToken { offset: position, sequence, source } }
}

impl SpoolSession {
    fn reserved(&self) -> MutexGuard<'_, Option<Charged>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Session for SpoolSession {
    async fn ack(&self, tokens: Vec<AckToken>) -> AckAnswers {
        let log = Arc::clone(&self.log);
        let settled = spawn_blocking(move || {
            let settle = AssertUnwindSafe(|| log.settle(tokens.iter().map(|token| token.offset)));
            (catch_unwind(settle).is_ok(), tokens)
        });
        match settled.await {
            Ok((true, acked)) => AckAnswers { acked, failed: Vec::new() },
            // They are settled once more: a shutdown would wait for them.
            Ok((false, tokens)) => {
                let failure = unreadable("the settlement of records panicked");
                AckAnswers {
                    acked: Vec::new(),
                    failed: tokens.into_iter().map(|token| (token, failure.clone())).collect(),
                }
            }
            // The runtime ends.
            Err(_) => AckAnswers::default(),
        }
    }

    async fn health(&self) -> Result<(), BrokerFailure> {
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    fn position(&self) -> Option<u64> {
        Some(self.position.load(Ordering::Relaxed))
    }

    fn take_reserved(&self) -> Option<Charged> {
        self.reserved().take()
    }
}

fn unreadable(error: &str) -> BrokerFailure {
    BrokerFailure::new(FailureKind::Unreachable, format!("the spool cannot be read: {error}; check the disk"))
}

fn panicked(error: &JoinError) -> BrokerFailure {
    unreadable(&format!("the reader panicked: {error}"))
}
