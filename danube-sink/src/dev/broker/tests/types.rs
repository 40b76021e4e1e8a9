//! Subscription types.

use std::collections::{BTreeSet, HashMap};

use super::*;

#[tokio::test]
async fn shared_dispatches_round_robin() {
    let broker = start().await;
    let one = Bare::subscribe(&broker, "one", SubType::Shared).await;
    let two = Bare::subscribe(&broker, "two", SubType::Shared).await;
    let (mut first, mut second) = (one.open().await, two.open().await);
    until("both are connected", || status(&broker).consumers == 2).await;
    publish(&broker, 6).await;
    let mut offsets = (Vec::new(), Vec::new());
    for _ in 0..3 {
        offsets.0.push(offset(&take(&mut first).await));
        offsets.1.push(offset(&take(&mut second).await));
    }
    assert_eq!(offsets, (vec![0, 2, 4], vec![1, 3, 5]));
}

#[tokio::test]
async fn shared_redelivers_the_messages_of_a_disconnected_consumer_to_others() {
    let broker = start().await;
    let one = Bare::subscribe(&broker, "one", SubType::Shared).await;
    let two = Bare::subscribe(&broker, "two", SubType::Shared).await;
    let (first, mut second) = (one.open().await, two.open().await);
    until("both are connected", || status(&broker).consumers == 2).await;
    publish(&broker, 4).await;
    until("all are in flight", || status(&broker).in_flight == 4).await;
    drop(first);
    let mut seen = BTreeSet::new();
    while seen.len() < 4 {
        let message = take(&mut second).await;
        seen.insert(offset(&message));
        two.ack(&message).await.unwrap();
    }
    assert_eq!(status(&broker).acked, 4);
}

#[tokio::test]
async fn a_standby_is_never_promoted() {
    let broker = start().await;
    let one = Bare::subscribe(&broker, "one", SubType::FailOver).await;
    let two = Bare::subscribe(&broker, "two", SubType::FailOver).await;
    let (first, _second) = (one.open().await, two.open().await);
    until("both are connected", || status(&broker).consumers == 2).await;
    drop(first);
    until("the active one disconnects", || status(&broker).consumers == 1).await;
    publish(&broker, 1).await;
    assert_eq!((status(&broker).backlog, status(&broker).in_flight), (1, 0));
    assert_eq!(offset(&take(&mut one.open().await).await), 0);
}

#[tokio::test]
async fn a_key_stays_with_one_consumer_one_message_at_a_time() {
    let broker = start().await;
    let one = Bare::subscribe(&broker, "one", SubType::KeyShared).await;
    let two = Bare::subscribe(&broker, "two", SubType::KeyShared).await;
    let (mut first, mut second) = (one.open().await, two.open().await);
    until("both are connected", || status(&broker).consumers == 2).await;
    let producer = producer(&broker, TOPIC).await;
    for number in 0..40 {
        let key = format!("key-{}", number % 4);
        producer.send_with_key(vec![number], None, &key).await.unwrap();
    }
    let mut seen: HashMap<String, (u64, Vec<u64>)> = HashMap::new();
    for _ in 0..40 {
        let (consumer, message) = tokio::select! {
            message = take(&mut first) => (&one, message),
            message = take(&mut second) => (&two, message),
        };
        let key = message.routing_key.clone().unwrap();
        let (owner, offsets) = seen.entry(key).or_insert((consumer.id, Vec::new()));
        assert_eq!(*owner, consumer.id);
        offsets.push(offset(&message));
        consumer.ack(&message).await.unwrap();
    }
    assert_eq!(seen.len(), 4);
    assert!(seen.values().all(|(_, offsets)| offsets.len() == 10 && offsets.is_sorted()));
}
