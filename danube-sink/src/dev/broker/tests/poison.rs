//! Poison policies, when redeliveries are exhausted.

use super::*;
use crate::dev::broker::PoisonPolicy;

/// Exhausts the redeliveries of a message under `policy`.
async fn poison(policy: FailurePolicy) -> (EmbeddedBroker, Bare, Streaming<Wire>) {
    let broker = start().await;
    broker.set_failure_policy(TOPIC, SUBSCRIPTION, policy);
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    publish(&broker, 1).await;
    assert_eq!(offset(&take(&mut stream).await), 0);
    assert_eq!(offset(&take(&mut stream).await), 0);
    (broker, bare, stream)
}

#[tokio::test]
async fn block_stops_the_subscription() {
    let (broker, bare, mut stream) = poison(hasty()).await;
    until("redeliveries are exhausted", || status(&broker).blocked).await;
    publish(&broker, 1).await;
    let silence = tokio::time::timeout(Duration::from_millis(100), stream.message()).await;
    assert!(silence.is_err());
    drop(stream);
    until("the consumer disconnects", || status(&broker).consumers == 0).await;
    let _stream = bare.open().await;
    until("it reconnects", || status(&broker).consumers == 1).await;
    assert_eq!((status(&broker).in_flight, status(&broker).backlog), (1, 1));
    assert!(status(&broker).blocked);
}

#[tokio::test]
async fn drop_continues_with_the_next_message() {
    let (broker, bare, mut stream) = poison(FailurePolicy { poison_policy: PoisonPolicy::Drop, ..hasty() }).await;
    publish(&broker, 1).await;
    let next = take(&mut stream).await;
    assert_eq!(offset(&next), 1);
    bare.ack(&next).await.unwrap();
    until("all is done", || status(&broker).in_flight == 0).await;
    assert!(!status(&broker).blocked);
}

#[tokio::test]
async fn dead_letters_have_their_origin_as_attributes() {
    let dead_letter_topic = Some("/default/dead".to_owned());
    let policy = FailurePolicy { poison_policy: PoisonPolicy::DeadLetter, dead_letter_topic, ..hasty() };
    let (broker, _bare, mut stream) = poison(policy).await;
    until("the dead letter is published", || !broker.messages("/default/dead").is_empty()).await;
    let dead_letters = broker.messages("/default/dead");
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(text(&dead_letters[0].payload), "0");
    let attribute = |name: &str| dead_letters[0].attributes.get(name).map_or("", String::as_str);
    assert_eq!(attribute("x-original-topic"), TOPIC);
    assert_eq!(attribute("x-original-subscription"), SUBSCRIPTION);
    assert_eq!(attribute("x-original-topic-offset"), "0");
    assert_eq!(attribute("x-poison-policy"), "dead_letter");
    assert_eq!(attribute("x-delivery-attempt"), "2");
    assert_eq!(attribute("x-failure-reason"), "ack timeout");
    assert!(!attribute("x-original-producer-id").is_empty());
    assert!(!attribute("x-original-broker-addr").is_empty());
    publish(&broker, 1).await;
    assert_eq!(offset(&take(&mut stream).await), 1);
}

#[tokio::test]
async fn dead_letters_without_a_topic_are_refused() {
    let broker = start().await;
    let policy = FailurePolicy { poison_policy: PoisonPolicy::DeadLetter, ..hasty() };
    broker.set_failure_policy(TOPIC, SUBSCRIPTION, policy);
    let refused = Bare::try_subscribe(&broker, TOPIC, "one", SubType::Exclusive).await;
    assert_eq!(refused.err().map(|status| status.code()), Some(tonic::Code::PermissionDenied));
}
