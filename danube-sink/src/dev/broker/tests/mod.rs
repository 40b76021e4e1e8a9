//! Tests of the embedded broker with danube-client, over a real socket.

mod admin;
mod delivery;
mod faults;
mod hangs;
mod key_shared;
mod losses;
mod poison;
mod rules;
mod schemas;
mod types;

use std::time::Duration;

use danube_client::{Consumer, DanubeClient, Producer, SubType};
use danube_core::message::StreamMessage;
use danube_core::proto::consumer_service_client::ConsumerServiceClient;
use danube_core::proto::{AckRequest, ConsumerRequest, NackRequest, ReceiveRequest, StreamMessage as Wire};
use tokio::sync::mpsc::Receiver;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::{BrokerOptions, DispatchStatus, EmbeddedBroker, FailurePolicy, Partitions, Realism, SubscriptionStatus};

const TOPIC: &str = "/default/orders";
const SUBSCRIPTION: &str = "billing";

async fn start() -> EmbeddedBroker {
    start_with(BrokerOptions::default()).await
}

/// A broker with the test topic.
async fn start_with(options: BrokerOptions) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start(options).await.unwrap();
    broker.create_topic(TOPIC, Partitions::Unpartitioned, true).unwrap();
    broker
}

async fn start_with_realism(realism: Realism) -> EmbeddedBroker {
    start_with(BrokerOptions { realism, ..BrokerOptions::default() }).await
}

/// A failure policy with short timeouts.
fn hasty() -> FailurePolicy {
    FailurePolicy {
        ack_timeout: Duration::from_millis(150),
        max_redelivery_count: 1,
        base_redelivery_delay: Duration::from_millis(50),
        ..FailurePolicy::default()
    }
}

async fn client(broker: &EmbeddedBroker) -> DanubeClient {
    DanubeClient::builder().service_url(broker.url()).build().await.unwrap()
}

async fn producer(broker: &EmbeddedBroker, topic: &str) -> Producer {
    let client = client(broker).await;
    let builder = client.new_producer().with_topic(topic).with_name("shop").with_reliable_dispatch();
    let mut producer = builder.build().unwrap();
    producer.create().await.unwrap();
    producer
}

/// Publishes `0`, `1` and so on.
async fn publish(broker: &EmbeddedBroker, count: usize) {
    let producer = producer(broker, TOPIC).await;
    for number in 0..count {
        producer.send(number.to_string().into_bytes(), None).await.unwrap();
    }
}

async fn consumer(broker: &EmbeddedBroker, topic: &str, kind: SubType) -> (Consumer, Receiver<StreamMessage>) {
    let client = client(broker).await;
    let builder = client.new_consumer().with_topic(topic).with_consumer_name("one");
    let builder = builder.with_subscription(SUBSCRIPTION).with_subscription_type(kind);
    let mut consumer = builder.build().unwrap();
    consumer.subscribe().await.unwrap();
    let messages = consumer.receive().await.unwrap();
    until("the stream is open", || status(broker).consumers > 0 || topic != TOPIC).await;
    (consumer, messages)
}

fn status(broker: &EmbeddedBroker) -> SubscriptionStatus {
    broker.subscription(TOPIC, SUBSCRIPTION).unwrap_or_default()
}

fn dispatched(broker: &EmbeddedBroker) -> DispatchStatus {
    broker.dispatch_status(TOPIC, SUBSCRIPTION).remove(0)
}

async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let limited = tokio::time::timeout(Duration::from_secs(10), future).await;
    limited.unwrap_or_else(|_| panic!("waited too long: {what}"))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    soon(what, async {
        while !condition() {
            tick.tick().await;
        }
    })
    .await;
}

async fn next(messages: &mut Receiver<StreamMessage>) -> StreamMessage {
    soon("a message", messages.recv()).await.unwrap()
}

/// A consumer at the protocol level, to observe what danube-client hides.
struct Bare {
    calls: ConsumerServiceClient<Channel>,
    id: u64,
}

impl Bare {
    async fn connect(broker: &EmbeddedBroker) -> ConsumerServiceClient<Channel> {
        ConsumerServiceClient::connect(broker.url()).await.unwrap()
    }

    async fn try_subscribe(broker: &EmbeddedBroker, topic: &str, name: &str, kind: SubType) -> Result<Self, Status> {
        let mut calls = Self::connect(broker).await;
        let request = ConsumerRequest {
            request_id: 1,
            topic_name: topic.to_owned(),
            consumer_name: name.to_owned(),
            subscription: SUBSCRIPTION.to_owned(),
            subscription_type: kind as i32,
            key_filters: Vec::new(),
        };
        let id = calls.subscribe(request).await?.into_inner().consumer_id;
        Ok(Self { calls, id })
    }

    async fn subscribe(broker: &EmbeddedBroker, name: &str, kind: SubType) -> Self {
        Self::try_subscribe(broker, TOPIC, name, kind).await.unwrap()
    }

    async fn open(&self) -> Streaming<Wire> {
        let request = ReceiveRequest { request_id: 2, consumer_id: self.id };
        self.calls.clone().receive_messages(request).await.unwrap().into_inner()
    }

    async fn ack(&self, message: &Wire) -> Result<(), Status> {
        let subscription_name = SUBSCRIPTION.to_owned();
        let request = AckRequest { request_id: 3, msg_id: message.msg_id.clone(), subscription_name };
        self.calls.clone().ack(request).await.map(drop)
    }

    async fn nack(&self, message: &Wire) -> Result<(), Status> {
        let subscription_name = SUBSCRIPTION.to_owned();
        let msg_id = message.msg_id.clone();
        let request = NackRequest { request_id: 4, msg_id, subscription_name, delay_ms: None, reason: None };
        self.calls.clone().nack(request).await.map(drop)
    }
}

async fn take(stream: &mut Streaming<Wire>) -> Wire {
    soon("a message", stream.message()).await.unwrap().unwrap()
}

fn offset(message: &Wire) -> u64 {
    message.msg_id.as_ref().unwrap().topic_offset
}

fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).unwrap()
}
