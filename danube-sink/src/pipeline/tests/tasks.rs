//! Several instances of a connector.

use tokio::time::{sleep, timeout};

use super::{
    bench::{Bench, SECOND, TOPIC, in_time},
    faults::Fault,
    ledger::Order,
    memory::Kind,
    target::Answer,
};
use crate::{
    config::{OnInvalidRecord, SubscriptionType},
    observe::{Lines, Observer, Phase},
};

const TASKS: usize = 3;

/// A new subscription begins at the latest message: earlier ones are lost, and readiness reports that it exists.
#[tokio::test(start_paused = true)]
async fn they_are_ready_when_every_partition_is_attached_and_stay_so_through_a_failing_look_up() {
    for partitions in [&["/default/one"][..], &["/default/many-part-0", "/default/many-part-1"]] {
        let mut bench = Bench::empty();
        bench.map(partitions[0].trim_end_matches("-part-0"));
        partitions.iter().for_each(|partition| bench.create(partition));
        let observer = Observer::new("test");
        observer.phase(Phase::Running);
        bench.broker.begin(Fault::AttachHangs, 120 * SECOND);
        let pipeline = bench.start_tasks(TASKS, &observer);
        let early = timeout(100 * SECOND, observer.ready()).await;
        assert!(early.is_err(), "ready before anything is attached to {partitions:?}");
        in_time(observer.ready()).await;
        bench.broker.begin(Fault::LookUpFails, 120 * SECOND);
        sleep(100 * SECOND).await;
        assert!(observer.is_ready(), "{partitions:?} are read all the while");
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_the_connector_cuts_no_write_of_another_short() {
    for answer in [Answer::Fatal, Answer::Panic, Answer::Invalid(0)] {
        let mut bench = Bench::new();
        bench.tasks = TASKS;
        let mapping = bench.mapping();
        (mapping.batch_size, mapping.on_invalid_record) = (1, OnInvalidRecord::Stop);
        mapping.consumer.subscription_type = SubscriptionType::Shared;
        bench.ledger.order(Order::None);
        bench.target.answers([Answer::Slow(2 * SECOND), Answer::RetryAfter(60 * SECOND), answer.clone()]);
        bench.publish(3);
        let mut pipeline = bench.start();
        timeout(5 * SECOND, pipeline.ended()).await.expect("it ends").unwrap_err();
        let _ = in_time(pipeline.drain()).await;
        assert_eq!(bench.target.sizes(), [1; 3], "{answer:?}: nothing is retried");
        let acked = [0, 1, 2].map(|number| bench.ledger.entry(number).acked);
        assert_eq!(acked, [true, false, false], "{answer:?}");
        bench.lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_for_an_instance_is_not_written_after_the_error_that_ends_the_connector() {
    const OTHER: &str = "/default/other";
    let mut bench = Bench::empty();
    bench.tasks = 4;
    bench.ledger.order(Order::None);
    for topic in [TOPIC, OTHER] {
        let mapping = bench.map(topic);
        mapping.batch_size = 1;
        mapping.consumer.subscription_type = SubscriptionType::Shared;
        bench.create(topic);
    }
    let slow = |seconds| Answer::Slow(seconds * SECOND);
    // The third batch waits for the instance that the error of the second one frees, the fourth for that of the first.
    bench.target.answers([slow(20), slow(20), slow(4), Answer::Fatal, slow(10)]);
    let mut pipeline = bench.start();
    bench.publish_to(OTHER, 2, Kind::Plain);
    sleep(SECOND).await;
    bench.publish(4);
    timeout(60 * SECOND, pipeline.ended()).await.expect("it ends").unwrap_err();
    let _ = in_time(pipeline.drain()).await;
    let written = bench.target.calls().iter().filter(|call| call.numbers[0] >= 2).count();
    assert_eq!(written, 2);
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_ends_the_connector_at_once_although_another_write_takes_long() {
    let mut bench = Bench::new();
    bench.tasks = 2;
    let mapping = bench.mapping();
    mapping.batch_size = 1;
    mapping.consumer.subscription_type = SubscriptionType::Shared;
    bench.ledger.order(Order::None);
    bench.target.answers([Answer::Slow(20 * SECOND), Answer::Fatal]);
    bench.publish(2);
    let mut pipeline = bench.start();
    let error = timeout(5 * SECOND, pipeline.ended()).await.expect("at once").unwrap_err();
    assert!(error.to_string().contains("the table is gone"), "{error}");
    in_time(pipeline.drain()).await.expect("the error is returned once");
    assert_eq!(bench.ledger.confirmations(), [0]);
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn each_different_error_that_ends_the_connector_is_logged_once() {
    let mut bench = Bench::new();
    bench.tasks = 3;
    let mapping = bench.mapping();
    mapping.batch_size = 1;
    mapping.consumer.subscription_type = SubscriptionType::Shared;
    bench.ledger.order(Order::None);
    bench.target.takes(SECOND);
    bench.target.answers([Answer::Fatal, Answer::Panic, Answer::Fatal]);
    bench.publish(3);
    let lines = Lines::default();
    let logged = tracing::subscriber::set_default(lines.subscriber());
    let mut pipeline = bench.start();
    in_time(pipeline.ended()).await.unwrap_err();
    in_time(pipeline.drain()).await.expect("the error is returned once");
    drop(logged);
    let text = lines.text();
    for reason in ["the table is gone", "the connector panicked in process_batch"] {
        let errors = text.lines().filter(|line| line.contains("\"ERROR\"") && line.contains(reason));
        assert_eq!(errors.count(), 1, "{reason}: {text}");
    }
}
