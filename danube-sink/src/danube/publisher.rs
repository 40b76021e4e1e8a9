//! Publishes dead letters, with the schema and the attributes of the original.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use danube_core::proto::{MsgId, StreamMessage, producer_service_client::ProducerServiceClient};
use futures_util::{StreamExt, stream};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::{
    connection::{Connections, Link, not_made},
    topics::create_producer,
};
use crate::pipeline::{BrokerFailure, DeadLetter};

/// The most dead letters of one topic in flight.
const IN_FLIGHT: usize = 64;

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
    link: Link,
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
        let sends = dead_letters.into_iter().map(|dead_letter| self.send(&publisher, &producer, dead_letter));
        let answers: Vec<_> = stream::iter(sends).buffered(IN_FLIGHT).collect().await;
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

    async fn send(
        &self,
        publisher: &TopicPublisher,
        producer: &Producer,
        dead_letter: DeadLetter,
    ) -> Result<(), BrokerFailure> {
        let _permit = publisher.in_flight.acquire().await;
        // Otherwise a long list would wait for the timeout of a call many times.
        if producer.link.is_lost() {
            return Err(producer.link.failed(not_made()));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let request = producer.link.request(StreamMessage {
            request_id: self.sequence.fetch_add(1, Ordering::Relaxed),
            msg_id: Some(MsgId {
                producer_id: producer.id,
                topic_name: publisher.topic.clone(),
                broker_addr: producer.link.broker_url(),
                topic_offset: 0,
            }),
            payload: dead_letter.payload,
            // Milliseconds, as danube-client's producers send it.
            publish_time: u64::try_from(now.as_millis()).unwrap_or_default(),
            producer_name: self.name.clone(),
            subscription_name: String::new(),
            attributes: dead_letter.attributes,
            schema_id: dead_letter.schema.map(|(id, _)| id),
            schema_version: dead_letter.schema.and_then(|(_, version)| version),
            routing_key: dead_letter.key,
        })?;
        let mut service = ProducerServiceClient::new(producer.link.channel.clone());
        producer.link.call(async { Ok(service.send_message(request).await?) }).await?;
        Ok(())
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
