//! Delivery: windows, acks, redelivery, partitions and discovery.

use danube_core::proto::TopicLookupRequest;
use danube_core::proto::discovery_client::DiscoveryClient;
use tokio::time::Instant;
use tonic::Code;

use super::{super::Keep, *};

#[tokio::test]
async fn an_exclusive_consumer_gets_everything_in_order() {
    let broker = start().await;
    let (mut consumer, mut messages) = consumer(&broker, TOPIC, SubType::Exclusive).await;
    publish(&broker, 50).await;
    for number in 0..50 {
        let message = next(&mut messages).await;
        assert_eq!(text(&message.payload), number.to_string());
        assert_eq!(message.msg_id.topic_offset, number);
        consumer.ack(&message).await.unwrap();
    }
    let done = SubscriptionStatus { published: 50, acked: 50, consumers: 1, ..SubscriptionStatus::default() };
    assert_eq!(status(&broker), done);
}

#[tokio::test]
async fn a_window_of_ten_holds_back_the_eleventh() {
    let broker = start().await;
    let (mut consumer, mut messages) = consumer(&broker, TOPIC, SubType::Exclusive).await;
    publish(&broker, 15).await;
    let first = next(&mut messages).await;
    for _ in 1..10 {
        next(&mut messages).await;
    }
    assert_eq!((status(&broker).in_flight, status(&broker).backlog), (10, 5));
    assert!(messages.try_recv().is_err());
    consumer.ack(&first).await.unwrap();
    assert_eq!(next(&mut messages).await.msg_id.topic_offset, 10);
}

#[tokio::test]
async fn a_new_subscription_starts_at_the_latest_message() {
    let broker = start().await;
    publish(&broker, 3).await;
    let (_consumer, mut messages) = consumer(&broker, TOPIC, SubType::Exclusive).await;
    publish(&broker, 1).await;
    assert_eq!(next(&mut messages).await.msg_id.topic_offset, 3);
}

#[tokio::test]
async fn acks_count_in_any_order_and_from_any_connection() {
    let broker = start().await;
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    publish(&broker, 3).await;
    let mut taken = [take(&mut stream).await, take(&mut stream).await, take(&mut stream).await];
    taken.reverse();
    let other_connection = Bare { calls: Bare::connect(&broker).await, id: 0 };
    for message in &taken {
        other_connection.ack(message).await.unwrap();
    }
    assert_eq!(status(&broker).acked, 3);
}

#[tokio::test]
async fn a_message_is_redelivered_after_its_ack_deadline() {
    let broker = start().await;
    // The acknowledgement of the redelivered message must arrive in time, too.
    let policy = FailurePolicy { ack_timeout: Duration::from_secs(2), ..hasty() };
    broker.set_failure_policy(TOPIC, SUBSCRIPTION, policy);
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    let start = Instant::now();
    publish(&broker, 1).await;
    let first = take(&mut stream).await;
    assert_eq!(offset(&take(&mut stream).await), offset(&first));
    assert!(start.elapsed() >= Duration::from_secs(2));
    bare.ack(&first).await.unwrap();
    assert_eq!((status(&broker).acked, status(&broker).redeliveries), (1, 1));
}

#[tokio::test]
async fn a_disconnect_redelivers_immediately() {
    let broker = start().await;
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    publish(&broker, 2).await;
    take(&mut stream).await;
    drop(stream);
    until("the broker sees the disconnect", || status(&broker).consumers == 0).await;
    let mut stream = bare.open().await;
    assert_eq!(offset(&take(&mut stream).await), 0);
    assert_eq!(offset(&take(&mut stream).await), 1);
}

#[tokio::test]
async fn a_nack_redelivers_after_its_delay() {
    let broker = start().await;
    let policy = FailurePolicy { base_redelivery_delay: Duration::from_millis(1), ..FailurePolicy::default() };
    broker.set_failure_policy(TOPIC, SUBSCRIPTION, policy);
    let (mut consumer, mut messages) = consumer(&broker, TOPIC, SubType::Shared).await;
    publish(&broker, 1).await;
    let message = next(&mut messages).await;
    let start = Instant::now();
    consumer.nack(&message, Some(2_000), Some("later".to_owned())).await.unwrap();
    // An ack during the delay returns OK without an effect.
    consumer.ack(&message).await.unwrap();
    let again = next(&mut messages).await;
    assert!(start.elapsed() >= Duration::from_secs(2));
    consumer.ack(&again).await.unwrap();
    assert_eq!(status(&broker).acked, 1);
}

#[tokio::test]
async fn the_same_name_takes_over_and_ends_the_older_stream() {
    let broker = start().await;
    let older = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut older_stream = older.open().await;
    publish(&broker, 1).await;
    take(&mut older_stream).await;
    let newer = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    assert_eq!(newer.id, older.id);
    assert!(soon("the end", older_stream.message()).await.unwrap().is_none());
    assert_eq!(offset(&take(&mut newer.open().await).await), 0);
}

#[tokio::test]
async fn partitions_are_topics_of_their_own() {
    let broker = EmbeddedBroker::start(BrokerOptions::default()).await.unwrap();
    broker.create_topic(TOPIC, Partitions::Of(3), true).unwrap();
    let (mut consumer, mut messages) = consumer(&broker, TOPIC, SubType::Shared).await;
    let client = client(&broker).await;
    let builder = client.new_producer().with_topic(TOPIC).with_name("shop").with_partitions(3);
    let mut producer = builder.with_reliable_dispatch().build().unwrap();
    producer.create().await.unwrap();
    for number in 0..9_u8 {
        producer.send(vec![number], None).await.unwrap();
    }
    let mut from: Vec<String> = Vec::new();
    for _ in 0..9 {
        let message = next(&mut messages).await;
        consumer.ack(&message).await.unwrap();
        from.push(message.msg_id.topic_name);
    }
    from.sort();
    from.dedup();
    assert_eq!(from, (0..3).map(|number| format!("{TOPIC}-part-{number}")).collect::<Vec<_>>());
    assert_eq!((status(&broker).published, status(&broker).acked), (9, 9));
    assert_eq!(broker.messages(TOPIC).len(), 9);
}

#[tokio::test]
async fn partitions_are_found_by_prefix_including_neighbours() {
    let broker = EmbeddedBroker::start(BrokerOptions::default()).await.unwrap();
    broker.create_topic("/default/e", Partitions::Of(2), true).unwrap();
    broker.create_topic("/default/e1", Partitions::Unpartitioned, true).unwrap();
    let mut calls = DiscoveryClient::connect(broker.url()).await.unwrap();
    let mut ask = async |topic: &str| {
        let request = TopicLookupRequest { request_id: 1, topic: topic.to_owned() };
        calls.topic_partitions(request).await.unwrap().into_inner().partitions
    };
    assert_eq!(ask("/default/e").await, ["/default/e-part-0", "/default/e-part-1", "/default/e1"]);
    assert_eq!(ask("/default/e1").await, ["/default/e1"]);
    assert!(ask("/default/f").await.is_empty());
}

#[tokio::test]
async fn failures_have_the_real_status_codes() {
    let broker = start().await;
    let refused = async |topic, name, kind| {
        Bare::try_subscribe(&broker, topic, name, kind).await.err().map(|status| status.code())
    };
    assert_eq!(refused("/default/missing", "one", SubType::Shared).await, Some(Code::NotFound));
    assert_eq!(refused("missing", "one", SubType::Shared).await, Some(Code::InvalidArgument));
    assert_eq!(refused(TOPIC, "one", SubType::Exclusive).await, None);
    assert_eq!(refused(TOPIC, "two", SubType::Exclusive).await, Some(Code::PermissionDenied));
    let mut calls = Bare::connect(&broker).await;
    let unknown = calls.receive_messages(ReceiveRequest { request_id: 1, consumer_id: 7 }).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn non_reliable_topics_push_and_keep_nothing() {
    let broker = EmbeddedBroker::start(BrokerOptions::default()).await.unwrap();
    broker.create_topic(TOPIC, Partitions::Unpartitioned, false).unwrap();
    let (mut consumer, mut messages) = consumer(&broker, TOPIC, SubType::Exclusive).await;
    let client = client(&broker).await;
    let mut producer = client.new_producer().with_topic(TOPIC).with_name("shop").build().unwrap();
    producer.create().await.unwrap();
    producer.send(b"now".to_vec(), None).await.unwrap();
    let message = next(&mut messages).await;
    assert_eq!(text(&message.payload), "now");
    consumer.ack(&message).await.unwrap();
    assert!(broker.messages(TOPIC).is_empty());
    assert_eq!(status(&broker).in_flight, 0);
}

#[tokio::test]
async fn a_topic_has_partitions_or_none() {
    let broker = start().await;
    broker.create_topic("/default/e", Partitions::Of(2), true).unwrap();
    let publish = async |topic| broker.publish(topic, "shop", [b"1".to_vec()]).await.map_err(|error| error.to_string());
    let error = publish("/default/e").await.unwrap_err();
    assert!(error.contains("has partitions") && error.contains("/default/e-part-0"), "{error}");
    publish("/default/e-part-0").await.unwrap();
    let error = broker.create_topic(TOPIC, Partitions::Of(2), true).unwrap_err().to_string();
    assert!(error.contains("exists without partitions"), "{error}");
    assert_eq!(broker.topics(), ["/default/e-part-0", "/default/e-part-1", TOPIC]);
    assert_eq!(broker.messages("/default/e").len(), 1);
    broker.create_topic("/default/e", Partitions::Of(3), true).unwrap();
    assert_eq!(broker.topics().len(), 4);
}

#[tokio::test]
async fn an_address_in_use_is_reported() {
    let broker = start().await;
    let options = BrokerOptions { address: broker.address(), ..BrokerOptions::default() };
    let error = EmbeddedBroker::start(options).await.unwrap_err().to_string();
    assert!(error.contains("choose another port"), "{error}");
}

#[tokio::test]
async fn a_broker_that_restarts_waits_for_its_ports() {
    let metrics = Some((std::net::Ipv4Addr::LOCALHOST, 0).into());
    let mut broker = EmbeddedBroker::start(BrokerOptions { metrics, ..BrokerOptions::default() }).await.unwrap();
    broker.create_topic(TOPIC, Partitions::Unpartitioned, true).unwrap();
    for address in [broker.address(), broker.metrics_address().unwrap()] {
        broker.go_down().await;
        let taken = std::net::TcpListener::bind(address).unwrap();
        // It has found the port taken when this is polled.
        let given_back = async move { drop(taken) };
        let (restarted, ()) = tokio::join!(broker.restart(Keep::Everything), given_back);
        restarted.unwrap();
        publish(&broker, 1).await;
    }
}
