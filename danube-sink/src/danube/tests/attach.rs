//! Attaching, reading, acknowledging.

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use danube_client::BrokerAddress;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout};

use super::{
    Certificate, SUBSCRIPTION, TOPIC, attach, client, consumer, dead_letter, publish,
    scripted::{Script, Scripted, listen},
    soon, start, tokens, until,
};
use crate::{
    config::ConnectorConfig,
    danube::connection::Connections,
    dev::{Acks, BrokerOptions, EmbeddedBroker, Keep, Partitions},
    pipeline::{Broker, DeadLetter, FailureKind},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_arrives_in_order_and_every_acknowledgement_counts() {
    const COUNT: usize = 2_000;
    let (embedded, client) = start().await;
    let mut attached = attach(&client).await;
    publish(&client, TOPIC, COUNT).await;
    let tokens = tokens(&mut attached.chunks, COUNT).await;
    let offsets: Vec<_> = tokens.iter().map(|token| token.offset).collect();
    assert_eq!(offsets, (0..COUNT as u64).collect::<Vec<_>>());
    assert_eq!(soon("acknowledged", attached.session.ack(tokens)).await.failed, []);
    assert_eq!(embedded.subscription(TOPIC, SUBSCRIPTION).unwrap().acked, COUNT as u64);
    assert_eq!(attached.session.health().await, Ok(()));
}

#[tokio::test]
async fn an_answer_names_the_acknowledgements_that_failed() {
    let (embedded, client) = start().await;
    let mut attached = attach(&client).await;
    publish(&client, TOPIC, 300).await;
    let mut tokens = tokens(&mut attached.chunks, 300).await;
    let later = tokens.split_off(299);
    embedded.faults().set_acks(Acks::Refused);
    let failures = attached.session.ack(tokens.clone()).await.failed;
    assert!(failures.iter().all(|(_, failure)| failure.kind == FailureKind::Moved), "{failures:?}");
    assert_eq!(failures.into_iter().map(|(token, _)| token).collect::<Vec<_>>(), tokens);
    embedded.faults().set_acks(Acks::Taken);
    assert_eq!(attached.session.ack(later).await.failed, []);
    assert_eq!(embedded.subscription(TOPIC, SUBSCRIPTION).unwrap().acked, 1);
}

#[tokio::test]
async fn acknowledgements_continue_after_a_lost_connection() {
    let (embedded, client) = start().await;
    let mut attached = attach(&client).await;
    publish(&client, TOPIC, 1).await;
    let first = tokens(&mut attached.chunks, 1).await;
    embedded.cut_connections();
    let failure = soon("the stream broke", attached.chunks.next()).await.unwrap().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    let mut attached = attach(&client).await;
    let second = tokens(&mut attached.chunks, 1).await;
    assert_eq!(first, second);
    assert_eq!(attached.session.ack(second).await.failed, []);
}

#[tokio::test]
async fn a_list_that_gets_no_answer_fails_as_soon_as_one_call_would() {
    const COUNT: usize = 600;
    let (embedded, client) = start().await;
    let mut attached = attach(&client).await;
    publish(&client, TOPIC, COUNT).await;
    let tokens = tokens(&mut attached.chunks, COUNT).await;
    embedded.faults().set_frozen(true);
    let began = Instant::now();
    let failures = soon("no answer", attached.session.ack(tokens.clone())).await.failed;
    assert!(began.elapsed() < Duration::from_secs(7), "took {:?}", began.elapsed());
    assert_eq!(failures.len(), COUNT);
    let (_, failure) = &failures[COUNT - 1];
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains("no answer within 5 s"), "{failure}");
    // A dead connection is not reused.
    embedded.faults().set_frozen(false);
    assert_eq!(attached.session.ack(tokens).await.failed, []);
}

#[tokio::test]
async fn unread_streams_block_no_acknowledgement() {
    let (embedded, client) = start().await;
    let mut attached = attach(&client).await;
    publish(&client, TOPIC, 1).await;
    let first = tokens(&mut attached.chunks, 1).await;
    // A stream takes 2 MiB unread, and its connection 5.
    let mut unread = Vec::new();
    for topic in ["/default/one", "/default/two", "/default/three"] {
        embedded.create_topic(topic, Partitions::Unpartitioned, true).unwrap();
        unread.push(client.attach(&consumer(topic)).await.unwrap());
        let large = DeadLetter { payload: vec![0; 1024 * 1024].into(), ..dead_letter(0) };
        assert_eq!(client.publish(topic, vec![large; 6]).await, vec![Ok(()); 6]);
    }
    let sent = || embedded.subscription("/default/one", SUBSCRIPTION).unwrap().in_flight >= 2;
    until("a stream's flow-control window is full", sent).await;
    assert_eq!(soon("acknowledged", attached.session.ack(first)).await.failed, []);
    assert_eq!(soon("healthy", attached.session.health()).await, Ok(()));
}

#[tokio::test]
async fn a_consumer_that_subscribed_reads_even_if_its_caller_gave_up() {
    let broker = Scripted::start(Script::default()).await;
    let client = client(&broker.url);
    let consumer = consumer(TOPIC);
    let mut subscribing = broker.script.subscribing.subscribe();
    {
        let attaching = client.attach(&consumer);
        tokio::select! {
            _ = attaching => panic!("attached without an answer"),
            seen = soon("subscribing", subscribing.wait_for(|count| *count == 1)) => drop(seen.unwrap()),
        }
    }
    broker.script.subscribes.add_permits(1);
    until("the stream is opened", || broker.script.streams.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_broker_that_does_not_answer_blocks_no_connection_to_another() {
    let (_open, silent) = listen().await;
    let certificate = Certificate::new();
    let mut config = ConnectorConfig::new(format!("https://{silent}"), "test");
    config.tls_ca_file = Some(certificate.file.clone());
    let (embedded, _) = start().await;
    let at = |url: String| {
        let url: tonic::transport::Uri = url.parse().unwrap();
        BrokerAddress { connect_url: url.clone(), broker_url: url, proxy: false }
    };
    let connections = Connections::new(&config);
    let (silent, well) = (at(format!("https://{silent}")), at(embedded.url()));
    let mut hanging = Box::pin(connections.messages(&silent));
    assert!(timeout(Duration::from_millis(100), &mut hanging).await.is_err(), "the silent broker answered");
    assert!(connections.messages(&well).now_or_never().is_none(), "connected without a connection");
    let link = timeout(Duration::from_secs(4), connections.messages(&well)).await;
    assert!(link.expect("the other broker is blocked").is_ok());
    let failure = soon("a time limit", hanging).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::Unreachable);
}

#[tokio::test]
async fn a_broker_that_takes_calls_and_does_not_answer_blocks_no_other_topic() {
    let (_open, silent) = listen().await;
    let (embedded, _) = start().await;
    let brokers =
        HashMap::from([(TOPIC.to_owned(), embedded.url()), ("/default/lost".to_owned(), format!("http://{silent}"))]);
    let broker = Scripted::start(Script { brokers, ..Script::default() }).await;
    let client = client(&broker.url);
    let lost = consumer("/default/lost");
    let mut hanging = client.attach(&lost);
    assert!(timeout(Duration::from_millis(100), &mut hanging).await.is_err(), "the silent broker answered");
    let mut unpublished = client.publish("/default/lost", vec![dead_letter(0)]);
    assert!(timeout(Duration::from_millis(100), &mut unpublished).await.is_err(), "the silent broker answered");
    let well = async {
        let mut attached = attach(&client).await;
        publish(&client, TOPIC, 1).await;
        let tokens = tokens(&mut attached.chunks, 1).await;
        assert_eq!(attached.session.ack(tokens).await.failed, []);
    };
    timeout(Duration::from_secs(4), well).await.expect("the other topic is blocked");
    let failure = soon("a time limit", hanging).await.err().unwrap();
    assert!(failure.message.contains(&silent.to_string()), "{failure}");
    assert_eq!(soon("a time limit", unpublished).await[0].as_ref().unwrap_err().kind, FailureKind::Unreachable);
}

#[tokio::test]
async fn attaching_works_again_after_a_restart() {
    let mut embedded = EmbeddedBroker::start(BrokerOptions::default()).await.unwrap();
    embedded.create_topic(TOPIC, Partitions::Unpartitioned, true).unwrap();
    let client = client(&embedded.url());
    let attached = attach(&client).await;
    embedded.go_down().await;
    let failure = client.attach(&consumer(TOPIC)).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(failure.message.starts_with(&format!("no broker at {}", embedded.url())), "{failure}");
    embedded.restart(Keep::Everything).await.unwrap();
    drop(attached);
    publish(&client, TOPIC, 1).await;
    let mut attached = attach(&client).await;
    let tokens = tokens(&mut attached.chunks, 1).await;
    assert_eq!(attached.session.ack(tokens).await.failed, []);
}
