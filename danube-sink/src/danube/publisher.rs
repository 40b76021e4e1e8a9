//! Publishes dead letters, with the schema and the attributes that the original had.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use danube_core::proto::{
    DispatchStrategy, MsgId, ProducerAccessMode, ProducerRequest, StreamMessage,
    producer_service_client::ProducerServiceClient,
};
use tokio::sync::Mutex;

use super::connection::{Connection, Route};
use crate::pipeline::{BrokerFailure, DeadLetter};

/// A producer for each dead-letter topic, made when the first letter is written.
///
/// danube-client's own producer would replace the schema that the record names.
pub(crate) struct Publishers {
    name: String,
    /// A topic that does not answer must not hold up the letters to others: each has a lock of its own.
    topics: Mutex<HashMap<String, Arc<Mutex<Option<Publisher>>>>>,
    sequence: AtomicU64,
}

struct Publisher {
    route: Route,
    id: u64,
}

impl Publishers {
    pub(crate) fn new(name: String) -> Self {
        Self { name, topics: Mutex::default(), sequence: AtomicU64::new(0) }
    }

    /// Returns when the broker has the letter. After a failure the next letter is published through a new producer.
    pub(crate) async fn publish(
        &self,
        connection: &Connection,
        topic: &str,
        letter: DeadLetter,
    ) -> Result<(), BrokerFailure> {
        let place = Arc::clone(self.topics.lock().await.entry(topic.to_owned()).or_default());
        let mut open = place.lock().await;
        let publisher = match open.take() {
            Some(publisher) => publisher,
            None => self.open(connection, topic).await?,
        };
        connection.on(&publisher.route, self.send(&publisher, topic, letter)).await?;
        *open = Some(publisher);
        Ok(())
    }

    async fn open(&self, connection: &Connection, topic: &str) -> Result<Publisher, BrokerFailure> {
        // A topic that does not exist yet is served nowhere: the broker that is asked first creates it.
        let route = match connection.route(topic).await {
            Ok(route) => route,
            Err(_) => connection.service_route().await?,
        };
        let request = ProducerRequest {
            request_id: 0,
            producer_name: self.name.clone(),
            topic_name: topic.to_owned(),
            schema_ref: None,
            producer_access_mode: ProducerAccessMode::Shared.into(),
            dispatch_strategy: DispatchStrategy::Reliable.into(),
        };
        let mut service = ProducerServiceClient::new(route.channel.clone());
        let request = route.request(request).await?;
        let created = connection.on(&route, async { Ok(service.create_producer(request).await?) }).await?;
        Ok(Publisher { id: created.into_inner().producer_id, route })
    }

    async fn send(&self, publisher: &Publisher, topic: &str, letter: DeadLetter) -> Result<(), BrokerFailure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let message = StreamMessage {
            request_id: self.sequence.fetch_add(1, Ordering::Relaxed),
            msg_id: Some(MsgId {
                producer_id: publisher.id,
                topic_name: topic.to_owned(),
                broker_addr: publisher.route.address.broker_url.to_string(),
                topic_offset: 0,
            }),
            payload: letter.payload,
            // Milliseconds, as danube-client's producers send it.
            publish_time: u64::try_from(now.as_millis()).unwrap_or_default(),
            producer_name: self.name.clone(),
            subscription_name: String::new(),
            attributes: letter.attributes,
            schema_id: letter.schema.map(|(id, _)| id),
            schema_version: letter.schema.and_then(|(_, version)| version),
            routing_key: letter.key,
        };
        let request = publisher.route.request(message).await?;
        ProducerServiceClient::new(publisher.route.channel.clone()).send_message(request).await?;
        Ok(())
    }
}
