//! Admin service and metrics endpoint.

use std::time::SystemTime;

use danube_core::admin_proto::topic_admin_client::TopicAdminClient;
use danube_core::admin_proto::{SubscriptionRequest, TopicRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;
use tonic::metadata::{Ascii, MetadataValue};

use super::*;
use crate::dev::broker::{Access, Keep, Permission, Scope};

async fn unsubscribe(broker: &EmbeddedBroker, topic: &str) -> Result<bool, Status> {
    let mut calls = TopicAdminClient::connect(broker.url()).await.unwrap();
    let request = SubscriptionRequest { topic: topic.to_owned(), subscription: SUBSCRIPTION.to_owned() };
    calls.unsubscribe(request).await.map(|answer| answer.into_inner().success)
}

#[tokio::test]
async fn unsubscribe_deletes_the_subscription_and_its_cursor() {
    let realism = Realism { offsets_below_cursor_are_skipped: true, ..Realism::default() };
    let mut broker = start_with(BrokerOptions { realism, ..BrokerOptions::default() }).await;
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    publish(&broker, 1).await;
    bare.ack(&take(&mut stream).await).await.unwrap();
    assert_eq!(unsubscribe(&broker, TOPIC).await.unwrap_err().code(), Code::NotFound, "it has an active consumer");
    drop(stream);
    until("the consumer disconnects", || status(&broker).consumers == 0).await;

    let mut calls = TopicAdminClient::connect(broker.url()).await.unwrap();
    let mut list = async || {
        let request = TopicRequest { name: TOPIC.to_owned() };
        calls.list_subscriptions(request).await.unwrap().into_inner().subscriptions
    };
    assert_eq!(list().await, [SUBSCRIPTION]);
    assert!(unsubscribe(&broker, TOPIC).await.unwrap());
    assert!(list().await.is_empty());
    assert_eq!(broker.subscription(TOPIC, SUBSCRIPTION), None);
    assert_eq!(unsubscribe(&broker, TOPIC).await.unwrap_err().code(), Code::NotFound, "it was deleted");

    // A new Exclusive subscription accepts another consumer name, and has no cursor to skip messages.
    drop(Bare::subscribe(&broker, "two", SubType::Exclusive).await);
    assert_eq!(dispatched(&broker).cursor, None);
    soon("the restart", broker.restart(Keep::Metadata)).await.unwrap();
    publish(&broker, 1).await;
    let bare = Bare::subscribe(&broker, "two", SubType::Exclusive).await;
    assert_eq!(offset(&take(&mut bare.open().await).await), 0);
}

#[tokio::test]
async fn unsubscribe_names_a_partition() {
    let broker = EmbeddedBroker::start(BrokerOptions::default()).await.unwrap();
    broker.create_topic(TOPIC, Partitions::Of(2), true).unwrap();
    for number in 0..2 {
        let topic = format!("{TOPIC}-part-{number}");
        let bare = Bare::try_subscribe(&broker, &topic, "one", SubType::Exclusive).await.unwrap();
        let stream = bare.open().await;
        until("the stream is open", || status(&broker).consumers == 1).await;
        drop(stream);
        until("the consumer disconnects", || status(&broker).consumers == 0).await;
    }
    assert_eq!(unsubscribe(&broker, TOPIC).await.unwrap_err().code(), Code::NotFound);
    assert!(unsubscribe(&broker, &format!("{TOPIC}-part-1")).await.unwrap());
    let left: Vec<_> = broker.dispatch_status(TOPIC, SUBSCRIPTION).into_iter().map(|status| status.topic).collect();
    assert_eq!(left, [format!("{TOPIC}-part-0")]);
}

#[tokio::test]
async fn unsubscribe_needs_the_permission_to_manage_topics() {
    let access = Access::new("secret");
    let broker = start_with(BrokerOptions { access: Some(access.clone()), ..BrokerOptions::default() }).await;
    let token = access.token("tester", SystemTime::now() + Duration::from_secs(60)).unwrap();
    let bearer: MetadataValue<Ascii> = format!("Bearer {token}").parse().unwrap();
    let code = async || {
        let mut calls = TopicAdminClient::connect(broker.url()).await.unwrap();
        let (topic, subscription) = (TOPIC.to_owned(), SUBSCRIPTION.to_owned());
        let mut request = tonic::Request::new(SubscriptionRequest { topic, subscription });
        request.metadata_mut().insert("authorization", bearer.clone());
        calls.unsubscribe(request).await.unwrap_err().code()
    };
    access.grant("tester", &Scope::Cluster, &[Permission::Consume]);
    assert_eq!(code().await, Code::PermissionDenied);
    access.grant("tester", &Scope::Topic(TOPIC.to_owned()), &[Permission::ManageTopic]);
    assert_eq!(code().await, Code::NotFound, "it is permitted, and there is no such subscription");
}

#[tokio::test]
async fn a_producer_creates_the_partitions_that_it_names() {
    let broker = EmbeddedBroker::start(BrokerOptions::default()).await.unwrap();
    let client = client(&broker).await;
    let builder = client.new_producer().with_topic(TOPIC).with_name("shop").with_partitions(2);
    let mut producer = builder.with_reliable_dispatch().build().unwrap();
    producer.create().await.unwrap();
    assert_eq!(broker.topics(), [format!("{TOPIC}-part-0"), format!("{TOPIC}-part-1")]);
}

async fn metrics(broker: &EmbeddedBroker) -> String {
    let mut stream = tokio::net::TcpStream::connect(broker.metrics_address().unwrap()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn metrics_count_messages_since_the_start() {
    let metrics_port = Some(([127, 0, 0, 1], 0).into());
    let mut broker =
        EmbeddedBroker::start(BrokerOptions { metrics: metrics_port, ..Default::default() }).await.unwrap();
    broker.create_topic(TOPIC, Partitions::Of(2), true).unwrap();
    let part = |number: usize| format!("{TOPIC}-part-{number}");
    let line = |number, count: u64| {
        format!("danube_topic_messages_in_total{{broker=\"0\",topic=\"{}\"}} {count}\n", part(number))
    };
    let send = async |broker: &EmbeddedBroker, number, count: u8| {
        let producer = producer(broker, &part(number)).await;
        for byte in 0..count {
            producer.send(vec![byte], None).await.unwrap();
        }
    };
    send(&broker, 0, 3).await;
    send(&broker, 1, 1).await;
    let text = metrics(&broker).await;
    assert!(text.contains("# TYPE danube_topic_messages_in_total counter\n"), "{text}");
    assert!(text.contains(&line(0, 3)) && text.contains(&line(1, 1)), "{text}");

    let address = broker.metrics_address();
    soon("the restart", broker.restart(Keep::Everything)).await.unwrap();
    assert_eq!(broker.metrics_address(), address);
    send(&broker, 1, 2).await;
    let text = metrics(&broker).await;
    assert!(!text.contains(&part(0)) && text.contains(&line(1, 2)), "{text}");
    assert_eq!(start().await.metrics_address(), None, "off by default");
}
