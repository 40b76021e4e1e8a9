//! Topics that are created later, and partitions that are deleted.

use tokio::time::{sleep, timeout};

use super::{
    behaviour::{Behaviour, Reading},
    bench::{Bench, MS, SECOND, TOPIC, in_time},
    faults::Fault,
    memory::Kind,
};
use crate::{config::SubscriptionType, observe::Phase};

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_made_later_is_attached_within_half_a_second() {
    let mut bench = Bench::empty();
    bench.map(TOPIC);
    let pipeline = bench.start();
    for wait in [1, 7, 600] {
        sleep(wait * SECOND).await;
    }
    bench.create(TOPIC);
    timeout(500 * MS, bench.broker.attached(TOPIC)).await.expect("it is looked for four times a second");
    bench.publish(3);
    bench.settled().await;
    bench.end(pipeline).await;
}

/// The loss audit takes what it saw before a start for another process's.
#[tokio::test(start_paused = true)]
async fn a_start_is_counted_also_if_its_first_attach_fails() {
    let bench = Bench::new();
    bench.broker.begin(Fault::AttachFails, SECOND);
    bench.publish(3);
    let pipeline = bench.start();
    bench.settled().await;
    let attaches = |reason| bench.metric("attaches_total", reason);
    assert_eq!((attaches("\"start\""), attaches("\"lost_connection\"")), (1.0, 0.0));
    bench.broker.end_stream(TOPIC, true);
    bench.publish(3);
    bench.settled().await;
    assert_eq!((attaches("\"start\""), attaches("\"lost_connection\"")), (1.0, 1.0));
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn with_create_topics_the_topic_and_the_subscription_are_there_first() {
    for partitions in [None, Some(3)] {
        let mut bench = Bench::empty();
        bench.map(TOPIC).create_topics = true;
        bench.mapping().partitions = partitions;
        bench.observer.phase(Phase::Running);
        let pipeline = bench.start();
        in_time(bench.observer.ready()).await;
        let topics: Vec<_> = match partitions {
            None => vec![TOPIC.to_owned()],
            Some(partitions) => (0..partitions).map(|number| format!("{TOPIC}-part-{number}")).collect(),
        };
        topics.iter().for_each(|topic| bench.publish_to(topic, 3, Kind::Plain));
        bench.settled().await;
        assert_eq!(bench.ledger.acks(), 3 * topics.len());
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_vanished_does_not_keep_the_connector_from_being_ready() {
    let mut bench = Bench::empty();
    bench.map(TOPIC);
    let partitions = [0, 1].map(|number| format!("{TOPIC}-part-{number}"));
    partitions.iter().for_each(|partition| bench.create(partition));
    bench.observer.phase(Phase::Running);
    let pipeline = bench.start();
    in_time(bench.observer.ready()).await;
    bench.broker.remove(&partitions[1]);
    sleep(600 * SECOND).await;
    assert!(bench.observer.is_ready());
    bench.publish_to(&partitions[0], 3, Kind::Plain);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn messages_before_the_subscription_of_a_later_partition_are_reported() {
    assert_eq!(late_starts(SubscriptionType::Exclusive).await, [format!("{TOPIC}-part-1")]);
    assert!(late_starts(SubscriptionType::KeyShared).await.is_empty(), "another consumer may have them");
}

/// The partitions of which the status says that messages precede the subscription.
async fn late_starts(subscription_type: SubscriptionType) -> Vec<String> {
    let mut bench = Bench::empty();
    bench.dispatch.behaviour = Behaviour { reading: Reading::Tail(256), ..Behaviour::default() };
    bench.map(TOPIC).consumer.subscription_type = subscription_type;
    let [first, later] = [0, 1].map(|number| format!("{TOPIC}-part-{number}"));
    bench.create(&first);
    let pipeline = bench.start();
    bench.publish_to(&first, 3, Kind::Plain);
    bench.settled().await;
    sleep(10 * SECOND).await;
    bench.create(&later);
    bench.publish_to(&later, 300, Kind::Plain);
    bench.settled().await;
    let status = bench.observer.status();
    let partitions = status["mappings"][0]["partitions"].as_array().unwrap().iter();
    let late = partitions.filter(|partition| partition.to_string().contains("44 messages were published before"));
    let late = late.map(|partition| partition["topic"].as_str().unwrap().to_owned()).collect();
    bench.end(pipeline).await;
    late
}
