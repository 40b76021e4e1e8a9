//! Dead letters.

use std::time::{Duration, Instant};

use tonic::Status;

use super::{TOPIC, client, dead_letter, publish, start};
use crate::{
    dev::{BrokerOptions, EmbeddedBroker, Keep},
    pipeline::{Broker, BrokerFailure, FailureKind},
};

const DEAD: &str = "/default/dead";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_of_a_dead_letter_is_published_and_answered_in_order() {
    let (embedded, client) = start().await;
    let mut dead_letters: Vec<_> = (0..500).map(dead_letter).collect();
    // The broker refuses what is larger than a message may be.
    dead_letters[250].payload = vec![0; 5 * 1024 * 1024].into();
    let answers = client.publish(DEAD, dead_letters).await;
    let failed: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.is_err()).map(|(n, _)| n).collect();
    assert_eq!(failed, [250], "{:?}", answers[failed[0]]);
    assert_eq!(answers[250].as_ref().unwrap_err().kind, FailureKind::TooLarge);
    let mut stored = embedded.messages(DEAD);
    stored.sort_by_key(|message| message.attributes["number"].parse::<usize>().unwrap());
    assert_eq!(stored.len(), 499);
    for (message, number) in stored.iter().zip((0..500).filter(|number| *number != 250)) {
        assert_eq!(message.payload, number.to_string());
        assert_eq!(message.routing_key, Some(format!("key-{number}")));
        assert_eq!(message.schema, Some((7, 2)));
        assert_eq!(message.producer, "test-dead-letters");
    }
    // And the next list is published.
    publish(&client, DEAD, 1).await;
}

#[test]
fn a_message_that_is_refused_for_its_size_is_distinguished_from_other_refusals() {
    for (status, kind) in [
        (Status::out_of_range("Error, decoded message length too large: found 9 bytes"), FailureKind::TooLarge),
        (Status::resource_exhausted("grpc: received message larger than max (9 vs. 8)"), FailureKind::TooLarge),
        (Status::invalid_argument("Message size 9 exceeds maximum allowed 8 for topic /a/b"), FailureKind::TooLarge),
        (Status::invalid_argument("the message has no id"), FailureKind::Refused),
        (Status::resource_exhausted("Producer limit per topic reached"), FailureKind::Moved),
    ] {
        assert_eq!(BrokerFailure::from(status.clone()).kind, kind, "{status}");
    }
}

#[tokio::test]
async fn after_a_failure_the_next_list_has_a_new_producer() {
    let (mut embedded, client) = start().await;
    publish(&client, DEAD, 3).await;
    embedded.restart(Keep::Everything).await.unwrap();
    let answers = client.publish(DEAD, vec![dead_letter(3)]).await;
    assert!(answers[0].is_err(), "a producer of before the restart");
    publish(&client, DEAD, 3).await;
    assert_eq!(embedded.messages(DEAD).len(), 6);
}

#[tokio::test]
async fn a_list_that_gets_no_answer_fails_as_soon_as_one_call_would() {
    let (embedded, client) = start().await;
    publish(&client, DEAD, 1).await;
    embedded.faults().set_frozen(true);
    let began = Instant::now();
    let answers = client.publish(DEAD, (0..200).map(dead_letter).collect()).await;
    assert!(began.elapsed() < Duration::from_secs(7), "took {:?}", began.elapsed());
    let kinds: Vec<_> = answers.into_iter().map(|answer| answer.unwrap_err().kind).collect();
    assert_eq!(kinds, [FailureKind::Unreachable; 200]);
}

#[tokio::test]
async fn a_topic_that_cannot_be_created_fails_its_own_dead_letters_only() {
    let options = BrokerOptions { auto_create_topics: false, ..BrokerOptions::default() };
    let embedded = EmbeddedBroker::start(options).await.unwrap();
    embedded.create_topic(TOPIC, crate::dev::Partitions::Unpartitioned, true).unwrap();
    let client = client(&embedded.url());
    let answers = client.publish(DEAD, vec![dead_letter(0), dead_letter(1)]).await;
    let kinds: Vec<_> = answers.into_iter().map(|answer| answer.unwrap_err().kind).collect();
    assert_eq!(kinds, [FailureKind::Missing; 2]);
    publish(&client, TOPIC, 2).await;
}
