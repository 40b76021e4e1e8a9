//! An attached consumer: its stream, its acknowledgements, its health checks.

use std::sync::Arc;

use async_trait::async_trait;
use danube_client::BrokerAddress;
use danube_core::proto::{
    ConsumerRequest, HealthCheckRequest, HealthCheckResponse, ReceiveRequest,
    consumer_request::SubscriptionType as Wire, consumer_service_client::ConsumerServiceClient,
    health_check_request::ClientType, health_check_response::ClientStatus,
};
use futures_util::{StreamExt, future::try_join};
use tonic::{Request, codegen::http::HeaderMap};

use super::{
    acks::{self, AckEncoder},
    chunks::ReadyChunks,
    connection::{Connections, Link, Purpose},
    messages::{MessageChannel, Messages},
};
use crate::{
    config::SubscriptionType,
    pipeline::{AckAnswers, AckToken, Attachment, BrokerFailure, Consumer, FailureKind, Session},
};

const RECEIVE: &str = "/danube.ConsumerService/ReceiveMessages";

/// The id of no consumer: brokers draw ids at random.
const NO_CONSUMER: u64 = 0;

/// Attaches a consumer: subscribes and opens the stream.
pub(super) async fn attach(connections: &Arc<Connections>, consumer: &Consumer) -> Result<Attachment, BrokerFailure> {
    let address = connections.broker_of(&consumer.topic).await?;
    let messages = connections.messages(&address);
    let (link, _) = try_join(messages, connections.calls(&address, Purpose::Acks)).await?;
    let request = link.request(ConsumerRequest {
        request_id: 0,
        topic_name: consumer.topic.to_string(),
        consumer_name: consumer.name.clone(),
        subscription: consumer.subscription.clone(),
        subscription_type: wire(consumer.subscription_type).into(),
        key_filters: Vec::new(),
    })?;
    // A subscribed consumer that does not read blocks the topic. So its stream is opened even if the caller has given
    // up, and dropping the stream then detaches the consumer.
    let subscribed = tokio::spawn(subscribe(link.clone(), request, link.headers()?));
    let subscribed = subscribed.await.map_err(|error| {
        BrokerFailure::new(FailureKind::Unreachable, format!("the attach to {} was aborted: {error}", consumer.topic))
    })?;
    let (consumer_id, messages) = subscribed?;
    let chunks = ReadyChunks::new(&consumer.topic, messages).inspect(move |chunk| {
        if let Err(failure) = chunk {
            link.lost_by(failure);
        }
    });
    let connections = Arc::clone(connections);
    let session = ConsumerSession { connections, address, encoder: AckEncoder::new(consumer), consumer_id };
    Ok(Attachment { chunks: chunks.boxed(), session: Arc::new(session) })
}

/// Makes the two calls of an attach, Subscribe and ReceiveMessages, without a pause between them.
async fn subscribe(
    link: Link<MessageChannel>,
    request: Request<ConsumerRequest>,
    headers: HeaderMap,
) -> Result<(u64, Messages), BrokerFailure> {
    let MessageChannel(channel) = &link.transport;
    let receive = |consumer_id| {
        let request = ReceiveRequest { request_id: 0, consumer_id };
        let opened = Messages::open(channel.clone(), RECEIVE, headers.clone(), request);
        link.call(async { Ok(opened.await?) })
    };
    // Receiving needs a right that subscribing does not. A broker with access control has TLS.
    if link.connect_url().scheme_str() == Some("https")
        && let Err(failure) = receive(NO_CONSUMER).await
        && failure.kind != FailureKind::Missing
    {
        return Err(failure);
    }
    let mut service = ConsumerServiceClient::new(channel.clone());
    let answer = link.call(async { Ok(service.subscribe(request).await?) }).await?;
    let consumer_id = answer.into_inner().consumer_id;
    let messages = match receive(consumer_id).await {
        // The channel may have reconnected by now; giving up would leave a consumer that does not read.
        Err(failure) if failure.kind == FailureKind::Unreachable => receive(consumer_id).await?,
        answer => answer?,
    };
    Ok((consumer_id, messages))
}

struct ConsumerSession {
    connections: Arc<Connections>,
    address: BrokerAddress,
    encoder: AckEncoder,
    consumer_id: u64,
}

#[async_trait]
impl Session for ConsumerSession {
    async fn ack(&self, tokens: Vec<AckToken>) -> AckAnswers {
        acks::send(&self.connections, &self.address, &self.encoder, tokens).await
    }

    async fn health(&self) -> Result<(), BrokerFailure> {
        let link = self.connections.calls(&self.address, Purpose::Acks).await?;
        let request = HealthCheckRequest { request_id: 0, client: ClientType::Consumer.into(), id: self.consumer_id };
        let answer: HealthCheckResponse = link.unary("/danube.HealthCheck/HealthCheck", request).await?;
        match answer.status() {
            ClientStatus::Ok => Ok(()),
            ClientStatus::Close => Err(BrokerFailure::new(FailureKind::Moved, "the broker closed the consumer")),
        }
    }
}

fn wire(subscription_type: SubscriptionType) -> Wire {
    match subscription_type {
        SubscriptionType::Exclusive => Wire::Exclusive,
        SubscriptionType::Shared => Wire::Shared,
        SubscriptionType::Failover => Wire::Failover,
        SubscriptionType::KeyShared => Wire::KeyShared,
    }
}
