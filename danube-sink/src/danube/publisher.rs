//! Publishes dead letters, with the schema and the attributes of the original.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::BytesMut;
use danube_core::proto::{MsgId, StreamMessage};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::{
    calls::call_each,
    connection::{Connections, Link},
    http2::Http2,
    topics::create_producer,
    unary::{self, Unary},
};
use crate::pipeline::{BrokerFailure, DeadLetter};

/// The most dead letters of one topic in flight.
const IN_FLIGHT: usize = 128;

/// Dead letters are encoded into buffers of so many bytes.
const BUFFER: usize = 16 * 1024;

/// A producer for each dead-letter topic, created with its first dead letter.
///
/// danube-client's own producer would replace the schema that the record names.
pub(super) struct Publishers {
    name: String,
    /// Each topic has locks of its own: one that does not answer must not block another's dead letters.
    topics: Mutex<HashMap<String, Arc<TopicPublisher>>>,
    sequence: AtomicU64,
}

struct TopicPublisher {
    topic: String,
    /// The producer of the next list.
    producer: AsyncMutex<Option<Arc<Producer>>>,
    in_flight: Semaphore,
}

struct Producer {
    link: Link<Http2>,
    id: u64,
}

impl Publishers {
    pub(super) fn new(name: String) -> Self {
        Self { name, topics: Mutex::default(), sequence: AtomicU64::new(0) }
    }

    /// Publishes dead letters, many in flight at once. Returns a result for each, in order; `Ok` once the broker has it.
    ///
    /// After a failure the next list is published through a new producer.
    pub(super) async fn publish(
        &self,
        connections: &Connections,
        topic: &str,
        dead_letters: Vec<DeadLetter>,
    ) -> Vec<Result<(), BrokerFailure>> {
        let publisher = self.publisher(topic);
        let producer = match publisher.producer(connections, &self.name).await {
            Ok(producer) => producer,
            Err(failure) => return dead_letters.iter().map(|_| Err(failure.clone())).collect(),
        };
        let method = match Unary::new(&producer.link, "/danube.ProducerService/SendMessage") {
            Ok(method) => method,
            Err(failure) => return dead_letters.iter().map(|_| Err(failure.clone())).collect(),
        };
        let id = MsgId {
            producer_id: producer.id,
            topic_name: publisher.topic.clone(),
            broker_addr: producer.link.broker_url(),
            topic_offset: 0,
        };
        let mut buffer = BytesMut::with_capacity(BUFFER);
        let requests = dead_letters.into_iter().map(|dead_letter| {
            let message = self.message(id.clone(), dead_letter);
            unary::frame(&mut buffer, |buffer| unary::encode(&message, buffer))
        });
        let answers = call_each(&producer.link, &method, &publisher.in_flight, requests).await;
        if answers.iter().any(Result::is_err) {
            publisher.discard(&producer).await;
        }
        answers
    }

    fn publisher(&self, topic: &str) -> Arc<TopicPublisher> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let publisher = topics.entry(topic.to_owned()).or_insert_with(|| {
            Arc::new(TopicPublisher {
                topic: topic.to_owned(),
                producer: AsyncMutex::default(),
                in_flight: Semaphore::new(IN_FLIGHT),
            })
        });
        Arc::clone(publisher)
    }

    fn message(&self, id: MsgId, dead_letter: DeadLetter) -> StreamMessage {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        StreamMessage {
            request_id: self.sequence.fetch_add(1, Ordering::Relaxed),
            msg_id: Some(id),
            payload: dead_letter.payload,
            // Milliseconds, as danube-client's producers send it.
            publish_time: u64::try_from(now.as_millis()).unwrap_or_default(),
            producer_name: self.name.clone(),
            subscription_name: String::new(),
            attributes: dead_letter.attributes,
            schema_id: dead_letter.schema.map(|(id, _)| id),
            schema_version: dead_letter.schema.and_then(|(_, version)| version),
            routing_key: dead_letter.key,
        }
    }
}

impl TopicPublisher {
    async fn producer(&self, connections: &Connections, name: &str) -> Result<Arc<Producer>, BrokerFailure> {
        let mut open = self.producer.lock().await;
        if let Some(producer) = open.as_ref() {
            return Ok(Arc::clone(producer));
        }
        let (link, id) = create_producer(connections, &self.topic, name).await?;
        Ok(Arc::clone(open.insert(Arc::new(Producer { link, id }))))
    }

    /// Discards a failed producer, unless another list has opened a new one meanwhile.
    async fn discard(&self, failed: &Arc<Producer>) {
        let mut open = self.producer.lock().await;
        if open.as_ref().is_some_and(|open| Arc::ptr_eq(open, failed)) {
            *open = None;
        }
    }
}
