//! Losses of KeyShared subscriptions of the real broker, each with its option on and off.

use std::time::Instant;

use super::*;

/// Publishes one message for each key.
async fn publish_keys(broker: &EmbeddedBroker, keys: &[&str]) {
    let producer = producer(broker, TOPIC).await;
    for key in keys {
        producer.send_with_key(key.as_bytes().to_vec(), None, key).await.unwrap();
    }
}

/// A consumer that disconnects with two messages in flight, and one that waits behind them.
async fn disconnected(realism: Realism) -> EmbeddedBroker {
    let broker = start_with_realism(realism).await;
    let one = Bare::subscribe(&broker, "one", SubType::KeyShared).await;
    let stream = one.open().await;
    until("the stream is open", || status(&broker).consumers == 1).await;
    publish_keys(&broker, &["a", "b", "a"]).await;
    until("all are in the window", || status(&broker).in_flight == 3).await;
    drop(stream);
    until("the consumer disconnects", || status(&broker).consumers == 0).await;
    broker
}

#[tokio::test]
async fn another_consumer_does_not_get_what_a_disconnected_one_had_in_flight() {
    for (key_shared_evicts, expected) in [(true, vec![2]), (false, vec![0, 1, 2])] {
        let broker = disconnected(Realism { key_shared_evicts, ..Realism::default() }).await;
        let two = Bare::subscribe(&broker, "two", SubType::KeyShared).await;
        let mut stream = two.open().await;
        let mut offsets = Vec::new();
        while status(&broker).in_flight > 0 {
            let message = take(&mut stream).await;
            two.ack(&message).await.unwrap();
            offsets.push(offset(&message));
        }
        assert_eq!(offsets, expected);
        assert_eq!(dispatched(&broker).cursor, Some(2), "the others count as acknowledged");
    }
}

#[tokio::test]
async fn without_another_consumer_waiting_messages_are_lost_too_and_the_old_name_receives_nothing() {
    let broker = disconnected(Realism { key_shared_evicts: true, ..Realism::default() }).await;
    until("the eviction", || status(&broker).in_flight == 0).await;
    let one = Bare::subscribe(&broker, "one", SubType::KeyShared).await;
    let _stream = one.open().await;
    until("the stream is open", || status(&broker).consumers == 1).await;
    publish_keys(&broker, &["a"]).await;
    assert_eq!((status(&broker).backlog, status(&broker).in_flight), (1, 0));
    let two = Bare::subscribe(&broker, "two", SubType::KeyShared).await;
    assert_eq!(offset(&take(&mut two.open().await).await), 3);
}

#[tokio::test]
async fn a_consumer_that_returns_within_three_seconds_is_not_evicted() {
    let policy = FailurePolicy { base_redelivery_delay: Duration::from_millis(50), ..FailurePolicy::default() };
    for ack_timeout in [Duration::from_millis(150), Duration::from_secs(60)] {
        let realism = Realism { key_shared_evicts: true, ..Realism::default() };
        let failure_policy = FailurePolicy { ack_timeout, ..policy.clone() };
        let broker = start_with(BrokerOptions { realism, failure_policy, ..BrokerOptions::default() }).await;
        let one = Bare::subscribe(&broker, "one", SubType::KeyShared).await;
        let mut stream = one.open().await;
        publish_keys(&broker, &["a"]).await;
        take(&mut stream).await;
        drop(stream);
        until("the consumer disconnects", || status(&broker).consumers == 0).await;
        let mut stream = one.open().await;
        if ack_timeout < Duration::from_secs(1) {
            assert_eq!(offset(&take(&mut stream).await), 0, "after its ack timeout");
        } else {
            publish_keys(&broker, &["b"]).await;
            assert_eq!(offset(&take(&mut stream).await), 1, "the first one is still in flight");
            assert_eq!(status(&broker).in_flight, 2);
        }
    }
}

#[tokio::test]
async fn a_backlog_drips() {
    for key_shared_drips in [true, false] {
        let broker = start_with_realism(Realism { key_shared_drips, ..Realism::default() }).await;
        let one = Bare::subscribe(&broker, "one", SubType::KeyShared).await;
        publish_keys(&broker, &["a", "b", "c"]).await;
        let attached = Instant::now();
        let mut stream = one.open().await;
        let first = take(&mut stream).await;
        assert!(key_shared_drips || status(&broker).in_flight == 3, "all are sent at once");
        one.ack(&first).await.unwrap();
        for number in 1..3 {
            let message = take(&mut stream).await;
            assert_eq!(offset(&message), number);
            one.ack(&message).await.unwrap();
        }
        let took = attached.elapsed();
        // The first one may come at once.
        assert!(!key_shared_drips || took >= Duration::from_millis(900), "{took:?}");
    }
}

#[tokio::test]
async fn a_published_message_is_delivered_at_once() {
    let broker = start_with_realism(Realism { key_shared_drips: true, ..Realism::default() }).await;
    let one = Bare::subscribe(&broker, "one", SubType::KeyShared).await;
    let mut stream = one.open().await;
    until("the stream is open", || status(&broker).consumers == 1).await;
    let producer = producer(&broker, TOPIC).await;
    let started = Instant::now();
    for number in 0..20 {
        producer.send_with_key(b"a".to_vec(), None, "a").await.unwrap();
        let message = take(&mut stream).await;
        assert_eq!(offset(&message), number);
        one.ack(&message).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
