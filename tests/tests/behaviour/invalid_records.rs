//! Invalid records: stop, skip or dead letter, as `on_invalid_record` says, without loss of other records.

use danube_sink::{
    ConnectorConfig, MappingSettings, OnInvalidRecord, PayloadFormat, SubscriptionType::Exclusive, dev::BrokerOptions,
};
use danube_sink_tests::{Answer, Broker, Ledger, Target, TestSink, mapping, payload, topic, until};

use crate::Running;

/// Publishes ten records, one after the other; the sixth is not JSON. Returns the valid numbers.
async fn publish_ten(broker: &Broker, topic: &str) -> Vec<u64> {
    let producer = broker.producer(topic, "p", None).await;
    for number in 0..10 {
        let bytes = if number == 5 { b"{\"number\": not JSON".to_vec() } else { payload(number) };
        producer.send(bytes, None).await.expect("a confirmation");
    }
    (0..10).filter(|number| *number != 5).collect()
}

fn add_mapping(topic: &str, config: &mut ConnectorConfig, set: impl FnOnce(&mut MappingSettings)) {
    let mut settings = mapping(topic, config);
    set(&mut settings);
    config.mappings.push(settings);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_record_is_skipped_by_the_runtime_or_the_connector() {
    let broker = Broker::start().await;
    for payload_format in [PayloadFormat::Json, PayloadFormat::Auto] {
        let topic = topic("skip");
        drop(broker.producer(&topic, "creator", None).await);
        let target = Target::default();
        let sink = TestSink::new(&target, &[&topic], Exclusive);
        let skip = |settings: &mut MappingSettings| {
            settings.on_invalid_record = OnInvalidRecord::Skip;
            settings.payload_format = payload_format;
        };
        let running =
            Running::start(broker.url(), sink, |config| add_mapping(&topic, config, skip)).await.ready().await;
        let valid = publish_ten(&broker, &topic).await;
        target.holds(valid.len()).await;
        running.stop().await.expect("a clean end");
        let what = format!("skip, {payload_format:?}");
        assert_eq!(Ledger::compare(&what, &valid, &target.numbers()), Ledger::CLEAN);
        assert!(target.numbers().is_sorted());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_stops_at_an_invalid_record_and_resumes_with_it() {
    let broker = Broker::start().await;
    let topic = topic("stop");
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    let valid = publish_ten(&broker, &topic).await;
    let error = running.end().await.expect_err("the record stops it").to_string();
    assert!(error.contains(&format!("{topic}@5-")) && error.contains("on_invalid_record"), "{error}");
    assert!(!error.contains("not JSON"), "the payload is not shown: {error}");

    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let skip = |settings: &mut MappingSettings| settings.on_invalid_record = OnInvalidRecord::Skip;
    let running = Running::start(broker.url(), sink, |config| add_mapping(&topic, config, skip)).await.ready().await;
    target.holds(valid.len()).await;
    running.stop().await.expect("a clean end");
    let ledger = Ledger::compare("stop, then skip", &valid, &target.numbers());
    assert_eq!((ledger.lost, ledger.unexpected), (0, 0));
    assert!(
        ledger.duplicated <= 1,
        "the newest record's acknowledgement waits for older ones, the invalid one among them"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_have_the_payload_and_its_origin() {
    let broker = Broker::embedded(BrokerOptions::default()).await;
    let (topic, dead) = (topic("dead"), topic("letters"));
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive)
        .answering(|numbers| if numbers.contains(&2) { Answer::RejectNumbers(vec![2]) } else { Answer::Write });
    let to_dead_letters = |settings: &mut MappingSettings| {
        settings.on_invalid_record = OnInvalidRecord::DeadLetter;
        settings.dead_letter_topic = Some(dead.clone());
        settings.payload_format = PayloadFormat::Json;
        settings.batch_size = 3;
    };
    let set = |config: &mut ConnectorConfig| add_mapping(&topic, config, to_dead_letters);
    let running = Running::start(broker.url(), sink, set).await.ready().await;
    let valid = publish_ten(&broker, &topic).await;
    let valid: Vec<_> = valid.into_iter().filter(|number| *number != 2).collect();
    target.holds(valid.len()).await;
    running.stop().await.expect("a clean end");
    assert_eq!(Ledger::compare("dead letters", &valid, &target.numbers()), Ledger::CLEAN);

    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    let letters = embedded.messages(&dead);
    let mut found: Vec<_> = letters
        .iter()
        .map(|letter| {
            let attribute = |name: &str| letter.attributes[name].clone();
            assert_eq!(attribute("x-original-topic"), topic);
            assert_eq!(attribute("x-original-subscription"), "test");
            (attribute("x-original-topic-offset"), attribute("x-failure-reason"), letter.payload.to_vec())
        })
        .collect();
    // Those of several batches are published at the same time.
    found.sort_unstable();
    assert_eq!(found[0], ("2".to_owned(), "a scripted answer".to_owned(), payload(2)));
    assert_eq!(found[1].0, "5");
    assert!(found[1].1.starts_with("not JSON"), "{}", found[1].1);
    assert_eq!(found[1].2, b"{\"number\": not JSON");
    assert_eq!(found.len(), 2);
    assert_eq!(embedded.subscription(&topic, "test").map(|status| status.acked), Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_larger_than_the_broker_takes_is_published_without_what_makes_it_so() {
    const LARGEST: usize = 4 * 1024 * 1024;
    let broker = Broker::embedded(BrokerOptions::default()).await;
    let (topic, dead) = (topic("large"), topic("letters"));
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let to_dead_letters = |settings: &mut MappingSettings| {
        settings.on_invalid_record = OnInvalidRecord::DeadLetter;
        settings.dead_letter_topic = Some(dead.clone());
        settings.payload_format = PayloadFormat::Json;
    };
    let producer = broker.producer(&topic, "p", None).await;
    let set = |config: &mut ConnectorConfig| add_mapping(&topic, config, to_dead_letters);
    let running = Running::start(broker.url(), sink, set).await.ready().await;
    let attributes = |length: usize| Some([("trace".to_owned(), "t".repeat(length))].into());
    let large = b"x".repeat(LARGEST - 200);
    producer.send(large.clone(), attributes(8)).await.expect("a confirmation");
    producer.send(b"no JSON".to_vec(), attributes(LARGEST - 200)).await.expect("a confirmation");
    producer.send(payload(1), None).await.expect("a confirmation");
    target.holds(1).await;
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    until("all are settled", || async {
        embedded.subscription(&topic, "test").is_some_and(|status| status.acked == 3)
    })
    .await;
    running.stop().await.expect("a clean end");

    let mut letters = embedded.messages(&dead);
    letters.sort_by_key(|letter| letter.attributes["x-original-topic-offset"].clone());
    let omitted: Vec<_> = letters.iter().map(|letter| letter.attributes["x-omitted"].as_str()).collect();
    assert_eq!(omitted, ["payload of 4194104 bytes", "payload of 7 bytes, attributes, routing key"]);
    for letter in &letters {
        assert!(letter.payload.is_empty());
        assert!(letter.attributes["x-failure-reason"].starts_with("not JSON"));
    }
    assert_eq!(letters[0].attributes.get("trace").map(String::as_str), Some("tttttttt"));
    assert_eq!(letters[1].attributes.get("trace"), None);
}
