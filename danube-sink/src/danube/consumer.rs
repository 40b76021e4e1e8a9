//! One attached consumer: its stream, its acknowledgements, its health.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use danube_core::proto::{
    AckRequest, ConsumerRequest, HealthCheckRequest, MsgId, ReceiveRequest, StreamMessage,
    consumer_request::SubscriptionType as Wire, consumer_service_client::ConsumerServiceClient,
    health_check_client::HealthCheckClient, health_check_request::ClientType, health_check_response::ClientStatus,
};
use futures_util::{StreamExt, future::join_all};
use tonic::transport::Channel;

use super::connection::{Connection, Route};
use crate::{
    config::SubscriptionType,
    pipeline::{AckToken, Attachment, BrokerFailure, Consumer, FailureKind, Message, Session},
};

/// Brokers take 4 MiB by default, and more where they are told to: the limit here only keeps a broken peer in check.
const LARGEST_MESSAGE: usize = 128 * 1024 * 1024;

/// About what the transport reads at once; larger payloads have a buffer of their own.
const RECEIVE_BUFFER: usize = 16 * 1024;

/// Subscribes and opens the stream.
pub(crate) async fn attach(connection: &Arc<Connection>, consumer: &Consumer) -> Result<Attachment, BrokerFailure> {
    let route = connection.route(&consumer.topic).await?;
    let (consumer_id, messages) = connection.on(&route, subscribe(&route, consumer)).await?;
    let attached = Arc::new(Attached {
        connection: Arc::clone(connection),
        service: service(&route),
        consumer: consumer.clone(),
        consumer_id,
        route,
    });
    let session = Arc::clone(&attached);
    let messages = messages.then(move |message| {
        let session = Arc::clone(&session);
        async move {
            let message = message.map(delivery).map_err(BrokerFailure::from);
            if let Err(failure) = &message {
                session.connection.failed(&session.route, failure).await;
            }
            message
        }
    });
    // A chunk of one until the transport's own chunks are kept.
    let chunks = messages.map(|message| message.map(|message| vec![message])).boxed();
    Ok(Attachment { chunks, session: attached })
}

fn service(route: &Route) -> ConsumerServiceClient<Channel> {
    ConsumerServiceClient::new(route.channel.clone()).max_decoding_message_size(LARGEST_MESSAGE)
}

async fn subscribe(
    route: &Route,
    consumer: &Consumer,
) -> Result<(u64, tonic::Streaming<StreamMessage>), BrokerFailure> {
    let mut service = service(route);
    let request = ConsumerRequest {
        request_id: 0,
        topic_name: consumer.topic.to_string(),
        consumer_name: consumer.name.clone(),
        subscription: consumer.subscription.clone(),
        subscription_type: wire(consumer.subscription_type).into(),
        key_filters: Vec::new(),
    };
    let consumer_id = service.subscribe(route.request(request).await?).await?.into_inner().consumer_id;
    let request = route.request(ReceiveRequest { request_id: 0, consumer_id }).await?;
    let messages = service.receive_messages(request).await?.into_inner();
    Ok((consumer_id, messages))
}

struct Attached {
    connection: Arc<Connection>,
    consumer: Consumer,
    route: Route,
    service: ConsumerServiceClient<Channel>,
    consumer_id: u64,
}

#[async_trait]
impl Session for Attached {
    async fn ack(&self, tokens: Vec<AckToken>) -> Vec<(AckToken, BrokerFailure)> {
        let calls = tokens.into_iter().map(|token| async {
            let answer = self.ack_one(token.clone()).await;
            answer.err().map(|failure| (token, failure))
        });
        join_all(calls).await.into_iter().flatten().collect()
    }

    async fn health(&self) -> Result<(), BrokerFailure> {
        let message = HealthCheckRequest { request_id: 0, client: ClientType::Consumer.into(), id: self.consumer_id };
        let request = self.route.request(message).await?;
        let mut service = HealthCheckClient::new(self.route.channel.clone());
        let answer = self.connection.on(&self.route, async { Ok(service.health_check(request).await?) }).await?;
        match answer.into_inner().status() {
            ClientStatus::Ok => Ok(()),
            ClientStatus::Close => Err(BrokerFailure::new(FailureKind::Moved, "the broker closed the consumer")),
        }
    }
}

impl Attached {
    async fn ack_one(&self, token: AckToken) -> Result<(), BrokerFailure> {
        let message = AckRequest {
            request_id: token.sequence,
            msg_id: Some(MsgId {
                producer_id: token.producer_id,
                topic_name: self.consumer.topic.to_string(),
                broker_addr: token.broker_address.to_string(),
                topic_offset: token.offset,
            }),
            subscription_name: self.consumer.subscription.clone(),
        };
        let request = self.route.request(message).await?;
        let mut service = self.service.clone();
        self.connection.on(&self.route, async { Ok(service.ack(request).await?) }).await?;
        Ok(())
    }
}

fn delivery(message: StreamMessage) -> Message {
    let id = message.msg_id.unwrap_or_default();
    Message {
        payload: compact(message.payload),
        publish_time: message.publish_time,
        producer: message.producer_name.into(),
        attributes: message.attributes,
        key: message.routing_key,
        schema: message.schema_id.map(|id| (id, message.schema_version)),
        token: AckToken {
            offset: id.topic_offset,
            producer_id: id.producer_id,
            sequence: message.request_id,
            broker_address: id.broker_addr.into(),
        },
    }
}

/// A payload as received keeps the whole buffer alive that it came in, with its neighbours: some records that wait would
/// hold many times the bytes that are counted for them.
fn compact(payload: Bytes) -> Bytes {
    if payload.len() <= RECEIVE_BUFFER { Bytes::copy_from_slice(&payload) } else { payload }
}

fn wire(subscription_type: SubscriptionType) -> Wire {
    match subscription_type {
        SubscriptionType::Exclusive => Wire::Exclusive,
        SubscriptionType::Shared => Wire::Shared,
        SubscriptionType::Failover => Wire::Failover,
        SubscriptionType::KeyShared => Wire::KeyShared,
    }
}
